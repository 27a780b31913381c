"""Which files are read, by the format and schema that stand in them."""

import pathlib

import numpy as np
import pytest

from vae_gan3d.errors import UserError
from vae_gan3d.file_versions import require_known_version

PATH = pathlib.Path("RUN/config.json")


def fields(**changed):
    return {"format": "vae_gan3d.model", "schema": 2, "version": "0.9.0", **changed}


@pytest.mark.parametrize("schema", [1, 2, np.array(2)])
def test_this_schema_and_older_ones_are_read(schema):
    require_known_version(PATH, fields(schema=schema), "vae_gan3d.model", 2)


@pytest.mark.parametrize("version", ["0.9.0", np.array("0.9.0")])
def test_a_newer_one_says_to_update(version):
    with pytest.raises(UserError) as caught:
        require_known_version(PATH, fields(version=version), "vae_gan3d.model", 1)
    assert str(caught.value) == (
        "RUN/config.json was written by a newer version 0.9.0 of vae_gan3d (schema 2, and this program reads up to 1): "
        "update this program"
    )


@pytest.mark.parametrize("version", [None, 9, ["0.9.0"], {"a": 1}])
def test_a_version_that_is_no_text_is_left_out(version):
    with pytest.raises(UserError, match=r"by a newer version of vae_gan3d \(schema 2"):
        require_known_version(PATH, fields(version=version), "vae_gan3d.model", 1)


@pytest.mark.parametrize(
    ("changed", "kind"),
    [
        ({"format": "other"}, ValueError),
        ({"schema": 0}, ValueError),
        ({"schema": "2"}, ValueError),
        ({"schema": True}, ValueError),
        ({"schema": None}, TypeError),
    ],
)
def test_what_is_no_version_is_damage(changed, kind):
    with pytest.raises(kind) as caught:
        require_known_version(PATH, fields(**changed), "vae_gan3d.model", 2)
    assert not isinstance(caught.value, UserError)


def test_a_missing_field_is_named():
    with pytest.raises(KeyError, match="schema"):
        require_known_version(PATH, {"format": "vae_gan3d.model"}, "vae_gan3d.model", 2)
