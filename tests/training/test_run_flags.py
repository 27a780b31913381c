"""What a run notes of its flags."""

import json

from tests.small_runs import make_config
from vae_gan3d.training.run_flags import read_flags, read_object, run_flags, write_flags


def test_flags_are_texts_and_paths_are_among_them(tmp_path):
    flags = run_flags(make_config(tmp_path, weights={"encoder": tmp_path / "encoder.weights.h5"}))
    assert {type(value) for value in flags.values()} == {str}
    assert flags["save_path"] == str(tmp_path / "run")
    assert (flags["learning_rate"], flags["epochs"], flags["spectral_normalization"]) == ("0.001", "3", "true")
    assert (flags["mirror"], flags["checkpoint_every"]) == ("x,z", "2")
    assert flags["encoder_weights"].endswith("encoder.weights.h5")


def test_they_are_read_back(tmp_path):
    write_flags(tmp_path, {"records": "ä b", "seed": "0"})
    assert read_flags(tmp_path) == {"records": "ä b", "seed": "0"}
    written = json.loads((tmp_path / "flags.json").read_text())
    assert (written["seed"], written["format"], written["schema"]) == ("0", "vae_gan3d.flags", 1)


def test_what_is_absent_or_damaged_is_empty(tmp_path):
    assert read_flags(tmp_path) == {}
    for text in ("[1]", "{", "\xff"):
        (tmp_path / "flags.json").write_bytes(text.encode("latin-1"))
        assert read_object(tmp_path / "flags.json") == {}
