"""JSON that carries the digest of its own contents."""

import hashlib
import json
import os

import pytest

from vae_gan3d.sealed_json import read_json, require_unchanged, sealed


def test_the_digest_is_of_sorted_keys_without_blanks():
    expected = hashlib.sha256(b'{"a":[1.5,"\\u00e9"],"b":null}').hexdigest()
    assert sealed({"b": None, "a": [1.5, "é"]}) == {"b": None, "a": [1.5, "é"], "digest": expected}


def test_what_was_written_is_unchanged_however_it_is_laid_out():
    fields = sealed({"number": 0.1, "names": ("x", "y"), "none": None})
    for indent in (None, 2):
        require_unchanged(json.loads(json.dumps(fields, indent=indent)))


@pytest.mark.parametrize("change", [{"number": 2}, {"more": 1}, {"digest": "0" * 64}, {"digest": None}])
def test_a_change_is_refused(change):
    with pytest.raises(ValueError, match="was changed after it was written"):
        require_unchanged({**sealed({"number": 1}), **change})


def test_an_older_file_without_a_digest_is_not_looked_at():
    require_unchanged({"number": 1})


@pytest.mark.parametrize(
    ("data", "reason"),
    [(b"{", "Expecting"), (b"\xff{}", "utf-8"), (b"[" * 200_000, "nested too deeply"), (None, "more than 64 MiB")],
)
def test_what_is_no_json_or_too_much_is_a_value_error(tmp_path, data, reason):
    path = tmp_path / "a.json"
    path.write_bytes(data or b"")
    if data is None:
        os.truncate(path, 64 << 30)  # which takes no room on the disk
    with pytest.raises(ValueError, match=reason):
        read_json(path)
