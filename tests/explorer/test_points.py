"""Places come back from JSON as they were, and anything else is refused in one line."""

import json

import numpy as np
import pytest

from vae_gan3d.errors import UserError
from vae_gan3d.explorer.points import LatentPoint, read_point


@pytest.mark.parametrize("shares", [None, np.array([0.25, 0.75], np.float32)])
def test_a_point_comes_back_bit_for_bit(shares):
    latent = np.random.default_rng(0).standard_normal(5).astype(np.float32)
    fields = json.loads(json.dumps(LatentPoint(latent, shares).fields()))
    point = read_point(fields, 5, 0 if shares is None else 2)
    np.testing.assert_array_equal(point.latent, latent)
    assert (point.shares is None) == (shares is None)
    if shares is not None:
        np.testing.assert_array_equal(point.shares, shares)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (None, "a shape is missing"),
        ([1, 2], "a shape is missing"),
        ({}, "a list of 2 numbers"),
        ({"latent": [1]}, "a list of 2 numbers"),
        ({"latent": [1, "2"]}, "numbers alone"),
        ({"latent": [1, None]}, "numbers alone"),
        ({"latent": [1, True]}, "numbers alone"),
        ({"latent": [1, float("nan")]}, "outside"),
        ({"latent": [1, float("inf")]}, "outside"),
        ({"latent": [1, 10**400]}, "outside"),
        ({"latent": [1, -20_000]}, "outside"),
        ({"latent": [1, 2], "shares": None}, "the classes of a latent must be a list of 3 numbers"),
    ],
)
def test_what_is_no_point_is_refused(fields, message):
    with pytest.raises(UserError, match=message):
        read_point(fields, 2, 3)
