"""Checks name the flag, the value and the remedy."""

import pytest

from vae_gan3d import checks
from vae_gan3d.errors import UserError


@pytest.mark.parametrize(
    ("check", "arguments", "message"),
    [
        (checks.require_choice, ("loss", "l1", ("bce", "mse")), "--loss=l1 is not known: give one of bce, mse"),
        (checks.require_finite, ("rate", float("nan")), "--rate=nan is not a finite number: give one"),
        (checks.require_at_least, ("epochs", 0, 1), "--epochs=0 is too small: give 1 or more"),
        (checks.require_at_least, ("epochs", 2**31, 1), "--epochs=2147483648 is too large: give 2147483647 or less"),
        (checks.require_at_least, ("rate", float("inf"), 0), "--rate=inf is not a finite number: give one"),
        (checks.require_between, ("share", 1.5, 0, 1), "--share=1.5 is out of range: give a value from 0 to 1"),
        (checks.require_between, ("share", float("nan"), 0, 1), "--share=nan is out of range"),
    ],
)
def test_refusals(check, arguments, message):
    with pytest.raises(UserError, match=message):
        check(*arguments)


def test_ends_of_a_range_are_in_it():
    checks.require_between("share", 0, 0, 1)
    checks.require_between("share", 1, 0, 1)
    checks.require_at_least("epochs", 1, 1)
