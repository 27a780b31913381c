# make demo: shapes that a network made, in a few minutes.   make test: every test.
# Both make .venv from pyproject.toml once; a second call installs nothing.

PYTHON ?= python3
RUN := .venv/bin/python
BEAM := .venv-beam/bin/python
DEMO := demo_output
PIP_INSTALL := -m pip install --quiet --disable-pip-version-check

.PHONY: demo test test-beam test-wheel lint audit locks install install-test clean-demo

install: .venv/installed
install-test: .venv/installed-test

.venv/installed: pyproject.toml requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || \
		{ echo "error: $(PYTHON) is not Python 3.11 to 3.13: name one with make PYTHON=python3.11 $(MAKECMDGOALS)" >&2; exit 1; }
	@$(PYTHON) -m venv .venv || \
		{ echo "error: $(PYTHON) cannot make a virtual environment: on Debian, apt install python3-venv" >&2; exit 1; }
	@echo "setting up .venv: TensorFlow and the rest, about a minute"
	$(RUN) $(PIP_INSTALL) --no-compile --require-hashes -r requirements.lock
	$(RUN) $(PIP_INSTALL) --no-deps -e .
	@touch $@

# What tests and checks need besides.
.venv/installed-test: .venv/installed requirements-test.lock
	$(RUN) $(PIP_INSTALL) --no-compile --require-hashes -r requirements-test.lock
	@touch $@

demo: install
	$(RUN) -m vae_gan3d.demo_shapes --output_dir=$(DEMO) --classes=chair --count=1500
	$(RUN) create_tf_record.py --data_dir=$(DEMO)/volumetric_data --output_dir=$(DEMO)/records
	$(RUN) train.py --flagfile=demo --records=$(DEMO)/records --save_path=$(DEMO)/run
	$(RUN) test.py --checkpoint=$(DEMO)/run --steps=7 --output_dir=$(DEMO)/interpolation \
		--shape1=$(DEMO)/volumetric_data/chair/30/test/chair_000000010_1.mat \
		--shape2=$(DEMO)/volumetric_data/chair/30/test/chair_000000020_1.mat
	$(RUN) test.py --phase=sample --checkpoint=$(DEMO)/run --samples=32 --output_dir=$(DEMO)/samples
	@echo "look at $(DEMO)/samples/samples.png, $(DEMO)/interpolation/interpolation.png and $(DEMO)/run/output_ims"
	@echo "next: $(RUN) test.py --phase=explore --checkpoint=$(DEMO)/run --browser"

test: install-test
	$(RUN) -m pytest --numprocesses=logical --maxprocesses=8 --dist=loadfile --no-loadscope-reorder

# Apache Beam needs older versions of some packages than requirements.lock has, so its tests have an environment of their
# own. It sees the packages of .venv, of which pip installs again those whose version differs.
SITE_PACKAGES := -c 'import sysconfig; print(sysconfig.get_path("purelib"))'

.venv-beam/installed: .venv/installed-test requirements-beam.lock
	@$(RUN) -m venv .venv-beam
	@echo "setting up .venv-beam: Apache Beam, about a minute"
	@$(RUN) $(SITE_PACKAGES) >"$$($(BEAM) $(SITE_PACKAGES))/venv.pth"
	$(BEAM) $(PIP_INSTALL) --no-compile --require-hashes -r requirements-beam.lock
	$(BEAM) $(PIP_INSTALL) --no-deps -e .
	@touch $@

test-beam: .venv-beam/installed
	$(BEAM) -m pytest tests/data/test_beam.py

# The wheel by itself: in an environment with what users install, and in a folder outside of this one.
test-wheel: install-test
	rm -rf dist .venv-wheel
	$(RUN) -m hatchling build -t wheel -d dist
	@$(PYTHON) -m venv .venv-wheel
	.venv-wheel/bin/python $(PIP_INSTALL) --no-compile --require-hashes -r requirements.lock
	.venv-wheel/bin/python $(PIP_INSTALL) --no-deps dist/*.whl
	.venv-wheel/bin/python tests/wheel_check.py

lint: install-test
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m mypy

# What is known of holes in the pinned packages; --strict, because pip-audit calls packages sound that it cannot look up.
audit:
	@$(PYTHON) -m venv .venv-audit
	@.venv-audit/bin/python $(PIP_INSTALL) pip-audit
	@for lock in requirements-test.lock requirements-beam.lock; do \
		.venv-audit/bin/pip-audit --strict --disable-pip --require-hashes -r $$lock || exit 1; \
	done

# Writes the locks anew, with the newest versions that pyproject.toml allows: each for all Pythons from 3.11 on, Linux,
# macOS and Windows, with the sha256 of every file. The tests need the very packages of requirements.lock and more.
LOCK := .venv-audit/bin/uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes \
	--no-annotate --quiet --upgrade --custom-compile-command "make locks"
locks:
	@$(PYTHON) -m venv .venv-audit
	@.venv-audit/bin/python $(PIP_INSTALL) uv
	$(LOCK) -o requirements.lock
	$(LOCK) --extra test -c requirements.lock -o requirements-test.lock
	$(LOCK) --extra beam -o requirements-beam.lock

clean-demo:
	rm -rf $(DEMO)
