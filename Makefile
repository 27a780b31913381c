# make demo: shapes that a network made, in a few minutes.   make test: every test.
# Both make .venv from pyproject.toml once; a second call installs nothing.

PYTHON ?= python3
RUN := .venv/bin/python
BEAM := .venv-beam/bin/python
DEMO := demo_output
PIP_INSTALL := -m pip install --quiet --disable-pip-version-check

.PHONY: demo test test-beam lint audit hashes install clean-demo

install: .venv/installed

.venv/installed: pyproject.toml requirements.lock requirements.hashes
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || \
		{ echo "error: $(PYTHON) is not Python 3.11 to 3.13: name one with make PYTHON=python3.11 $(MAKECMDGOALS)" >&2; exit 1; }
	@$(PYTHON) -m venv .venv || \
		{ echo "error: $(PYTHON) cannot make a virtual environment: on Debian, apt install python3-venv" >&2; exit 1; }
	@echo "setting up .venv: TensorFlow and the rest, about a minute"
ifeq ($(shell uname -s),Linux)
	$(RUN) $(PIP_INSTALL) --no-compile --require-hashes -r requirements.hashes
	$(RUN) $(PIP_INSTALL) --no-deps --no-build-isolation -e .
else # which wants some packages more
	$(RUN) $(PIP_INSTALL) -c requirements.lock -e ".[test]"
endif
	@touch $@

demo: install
	$(RUN) -m vae_gan3d.demo_shapes --output_dir=$(DEMO) --classes=chair --count=1500
	$(RUN) create_tf_record.py --data_dir=$(DEMO)/volumetric_data --output_dir=$(DEMO)/records
	$(RUN) train.py --flagfile=flags/presets/demo.flags --records=$(DEMO)/records --save_path=$(DEMO)/run
	$(RUN) test.py --checkpoint=$(DEMO)/run --steps=7 --output_dir=$(DEMO)/interpolation \
		--shape1=$(DEMO)/volumetric_data/chair/30/test/chair_000000010_1.mat \
		--shape2=$(DEMO)/volumetric_data/chair/30/test/chair_000000020_1.mat
	$(RUN) test.py --phase=sample --checkpoint=$(DEMO)/run --samples=32 --output_dir=$(DEMO)/samples
	@echo "look at $(DEMO)/samples/samples.png, $(DEMO)/interpolation/interpolation.png and $(DEMO)/run/output_ims"
	@echo "next: $(RUN) test.py --phase=explore --checkpoint=$(DEMO)/run --browser"

test: install
	$(RUN) -m pytest --numprocesses=logical --maxprocesses=8 --dist=loadfile --no-loadscope-reorder

# Apache Beam needs older versions of some packages than requirements.lock has, so its tests have an environment of their
# own. It sees the packages of .venv, of which pip installs again those whose version differs.
SITE_PACKAGES := -c 'import sysconfig; print(sysconfig.get_path("purelib"))'

.venv-beam/installed: .venv/installed requirements-beam.lock requirements-beam.hashes
	@$(RUN) -m venv .venv-beam
	@echo "setting up .venv-beam: Apache Beam, about a minute"
	@$(RUN) $(SITE_PACKAGES) >"$$($(BEAM) $(SITE_PACKAGES))/venv.pth"
	$(BEAM) $(PIP_INSTALL) --no-compile --require-hashes -r requirements-beam.hashes
	$(BEAM) $(PIP_INSTALL) --no-deps --no-build-isolation -e .
	@touch $@

test-beam: .venv-beam/installed
	$(BEAM) -m pytest tests/data/test_beam.py

lint: install
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m mypy

# What is known of holes in the pinned packages; --strict, because pip-audit calls packages sound that it cannot look up.
audit:
	@$(PYTHON) -m venv .venv-audit
	@.venv-audit/bin/python $(PIP_INSTALL) pip-audit
	.venv-audit/bin/pip-audit --strict --disable-pip --require-hashes -r requirements.hashes
	.venv-audit/bin/pip-audit --strict --disable-pip --require-hashes -r requirements-beam.hashes

# To be called after a change of the .lock files.
hashes:
	@$(PYTHON) -m venv .venv-audit
	@.venv-audit/bin/python $(PIP_INSTALL) uv
	@for set in requirements requirements-beam; do \
		{ sed -n '/^#/p' $$set.hashes; .venv-audit/bin/uv pip compile $$set.lock --no-deps --generate-hashes --universal \
			--python-version 3.11 --no-header --no-annotate --quiet; } >$$set.new && mv $$set.new $$set.hashes || exit 1; \
	done

clean-demo:
	rm -rf $(DEMO)
