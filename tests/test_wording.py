"""Words of messages."""

from vae_gan3d.wording import choices_text, counted, name_some


def test_of_many_names_the_first_are_told_and_the_others_counted():
    assert name_some(["a"]) == "a"
    assert name_some(["a", "b", "c"], most=3) == "a, b, c"
    assert name_some(["a", "b", "c", "d", "e"], most=3) == "a, b, c and 2 more"


def test_one_thing_is_no_plural():
    assert [counted(number, "shape") for number in (0, 1, 2)] == ["0 shapes", "1 shape", "2 shapes"]
    assert [counted(number, "class", "classes") for number in (1, 4)] == ["1 class", "4 classes"]


def test_a_near_choice_is_suggested_and_all_are_named():
    assert choices_text("exprot", ["explore", "export"]) == "did you mean export? Give one of explore, export"
    assert choices_text("TRAIN", ["test", "train"]) == "did you mean train? Give one of test, train"
    assert choices_text("draw", ["test", "train"]) == "give one of test, train"
