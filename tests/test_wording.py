"""Words of messages."""

from vae_gan3d.wording import name_some


def test_of_many_names_the_first_are_told_and_the_others_counted():
    assert name_some(["a"]) == "a"
    assert name_some(["a", "b", "c"], most=3) == "a, b, c"
    assert name_some(["a", "b", "c", "d", "e"], most=3) == "a, b, c and 2 more"
