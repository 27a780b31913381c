"""Where Apache Beam is missing, one line says what to do."""

import pytest

from vae_gan3d.errors import UserError
from vae_gan3d.records import beam_package


def test_without_beam_one_line_says_how_to_install_it(monkeypatch):
    monkeypatch.setattr(beam_package.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(
        UserError,
        match=r'^--runner=beam needs Apache Beam, .*pip install -c requirements-beam.lock -e "\.\[beam,meshes\]"',
    ):
        beam_package.require_beam()


def test_with_beam_nothing_is_said(monkeypatch):
    monkeypatch.setattr(beam_package.importlib.util, "find_spec", lambda name: name == "apache_beam")
    beam_package.require_beam()
