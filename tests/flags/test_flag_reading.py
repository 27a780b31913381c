"""Flags of how shapes are read, in every configuration that reads files."""

import pytest

from flags import phase, records
from vae_gan3d.voxels.read_options import ReadOptions

COMMANDS = [
    ("records", ("--data_dir=D", "--output_dir=O")),
    ("test", ("--shape1=a.off", "--shape2=b.off")),
    ("export", ("--shape1=a.off",)),
    ("arithmetic", ("--shape1=a.off", "--minus=b.off", "--plus=c.off")),
    ("neighbors", ("--shape1=a.off", "--records=R")),
]


def reading(name):
    """What the configuration of a phase, or of create_tf_record.py, says of reading."""
    return (records.records_config() if name == "records" else phase.phase_config(name)).reading


@pytest.mark.parametrize(("name", "words"), COMMANDS)
def test_the_flags_reach_the_configuration(parse, name, words):
    parse(*words, "--fill=surface", "--up_axis=y", "--margin=4")
    assert reading(name) == ReadOptions(fill="surface", up_axis="y", margin=4)


@pytest.mark.parametrize(("name", "words"), COMMANDS)
def test_by_default_meshes_are_solid_and_their_files_say_what_is_up(parse, name, words):
    parse(*words)
    assert reading(name) == ReadOptions(fill="solid", up_axis=None)
