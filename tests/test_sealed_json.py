"""JSON that carries the digest of its own contents."""

import hashlib
import json

import pytest

from vae_gan3d.sealed_json import require_unchanged, sealed


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
