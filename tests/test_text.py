"""Words of messages."""

import os
import pathlib

from vae_gan3d.text import choices_text, counted, name_some, printable


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


def test_a_name_is_one_line_that_no_terminal_obeys():
    assert printable("a chair, Stühle, 椅子") == "a chair, Stühle, 椅子"
    assert printable("a\nb\x1b[31m\u202e") == "a\\nb\\x1b[31m\\u202e"
    path = pathlib.Path(os.fsdecode(b"d/\xff\x80.mat"))
    assert printable(path) == "d/\\xff\\x80.mat"
    assert printable(printable(path)) == printable(path)
