"""The explorer's configuration refuses bad values when it is built."""

import dataclasses
import pathlib

import pytest

from vae_gan3d.config import ExploreConfig, ShapeFilesConfig
from vae_gan3d.errors import UserError

EXPLORE = ExploreConfig(pathlib.Path("RUN"), "", "train", None, 1, 0.5, 0, ShapeFilesConfig())


def test_it_is_for_this_machine_alone_unless_told_otherwise():
    assert (EXPLORE.host, EXPLORE.port, EXPLORE.upload_mb) == ("127.0.0.1", 0, 20)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("port", -1, "--port=-1 is out of range: give a value from 0 to 65535"),
        ("port", 65536, "--port=65536 is out of range"),
        ("host", "", "--host is empty"),
        ("upload_mb", 0, "--upload_mb=0 is out of range: give a value from 1 to 256"),
        ("upload_mb", 257, "--upload_mb=257 is out of range"),
        ("threshold", 1.0, "--threshold=1.0 must lie between 0 and 1"),
        ("refinements", -1, "--refinements=-1 is too small"),
        ("prior", "uniform", "--prior=uniform is not known"),
        ("seed", -1, "--seed=-1 is out of range"),
    ],
)
def test_bad_values_are_refused(field, value, message):
    with pytest.raises(UserError, match=message):
        dataclasses.replace(EXPLORE, **{field: value})
