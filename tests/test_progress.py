"""Progress bars on standard error."""

from vae_gan3d.progress import progress_bar


def test_it_gives_the_items_and_writes_to_standard_error_alone(capsys):
    assert list(progress_bar([3, 4], desc="items")) == [3, 4]
    written = capsys.readouterr()
    assert written.out == ""
    assert "items: 100%" in written.err


def test_it_can_be_turned_off(capsys):
    assert list(progress_bar([3], disable=True)) == [3]
    assert capsys.readouterr().err == ""


def test_a_log_file_gets_few_lines():
    # Standard error is no terminal here: one line each 20 s, not each 0.2 s.
    with progress_bar(total=2, disable=False) as bar:
        assert bar.mininterval == 20
