"""The text of --help."""

from flags import common, help, latent_tools, model, phase, records, testing, training, tuning

GROUPS = [phase, common, model, training, testing, latent_tools, tuning, records]


def lines_under(heading):
    """The lines of one flag's entry, without their indent."""
    entries = help.help_text(GROUPS).split("\n  --")
    found = [entry for entry in entries if entry.split("\n")[0] == heading]
    assert len(found) == 1
    return [line.strip() for line in found[0].split("\n\n")[0].splitlines()[1:]]


def test_a_flag_stands_with_its_aliases_and_its_default():
    assert lines_under("epochs=INTEGER, --epoch") == ["The epoch to train up to. [default: 100]"]
    assert lines_under("alpha=NUMBER, --scale")[0].endswith("[default: 0.5]")
    assert lines_under("[no]if_train")[0].endswith("[default: true]")
    assert lines_under("precision={auto,float32,bfloat16}") == [
        "auto: bfloat16 on a GPU and on a CPU that multiplies it, else float32. [default: auto]"
    ]


def test_a_default_in_words_is_not_doubled():
    assert lines_under("latent_size=INTEGER, --len_vector") == [
        "Dimensions of the latent vector [default: 256; 3dgan: 200]."
    ]


def test_every_flag_is_there_and_no_line_is_long():
    text = help.help_text(GROUPS)
    for group in GROUPS:
        assert f"\n{group.TITLE}\n" in text
        for flag in help.FLAGS.flags_by_module_dict()[group.__name__]:
            assert any(f"--{mark}{flag.name}" in text for mark in ("", "[no]"))
    assert max(map(len, text.splitlines())) <= 110


def test_aliases_name_the_clear_flag():
    aliases = help.flag_aliases()
    assert aliases["len_x"] == aliases["cube_len"] == "resolution"
    assert "epochs" not in aliases
