"""What `python -m tests.robustness.damage` does, on a small share of its trials."""

import collections

import pytest

from tests.robustness.damage import table
from tests.robustness.damage_models import model_subjects, write_runs
from tests.robustness.damage_process import Tally
from tests.robustness.damage_records import record_subjects, write_sets
from tests.robustness.damages import FAILED, Damage, Subject, all_damages, judge
from vae_gan3d.errors import UserError


def test_small_files_are_damaged_at_every_byte_and_large_ones_at_some():
    found = all_damages(3, 2, every=16, seed=0)
    assert [damage.kind for damage in found] == ["missing", "foreign", "foreign", *["cut"] * 3, *["flip"] * 6]
    assert [damage.offset for damage in found[3:]] == [0, 1, 2] * 3
    assert {damage.bits for damage in found[6:9]} == {255}
    assert all(damage.bits.bit_count() == 1 for damage in found[9:])
    # The first and last 4,096 of 1 MiB, and every 1,024th between: 8,192 + (1,048,576 - 8,192) / 1,024 = 9,208.
    assert len(all_damages(1 << 20, 0, every=1024, seed=0)) == 1 + 3 * 9208


def subject_of(path, read, **options):
    path.write_bytes(b"abc")
    return Subject("file", path, read, **options)


@pytest.mark.parametrize(
    ("read", "verdict"),
    [
        (lambda path: "whole" if path.read_bytes()[:1] == b"a" else "other", "harmless"),
        (lambda path: path.read_bytes().hex(), "missed"),
        (lambda path: (_ for _ in ()).throw(UserError(f"{path} is cut")).__next__(), "refused"),
        (lambda path: (_ for _ in ()).throw(UserError("something is wrong")).__next__(), "missed"),
        (lambda path: [].pop(), "missed"),
    ],
)
def test_what_a_trial_is_worth(tmp_path, read, verdict):
    path = tmp_path / "file"
    subject = subject_of(path, lambda: read(path))
    assert judge(subject, Damage("cut", 2), b"abc", "whole")[0] == verdict
    assert path.read_bytes() == b"abc"


def test_an_older_one_is_accepted_only_with_a_word(tmp_path, capsys):
    path = tmp_path / "file"
    for said, verdict in (("", "missed"), (str(path), "older")):
        subject = subject_of(
            path, lambda said=said: print(said, file=__import__("sys").stderr) or "older", older="older"
        )
        assert judge(subject, Damage("missing"), b"abc", "whole")[0] == verdict


def test_the_table_sums_up():
    tallies = [Tally("a", 10), Tally("b", 5)]
    tallies[0].add(Damage("cut", 1), "refused", "")
    tallies[1].add(Damage("flip", 3, 255), "died", "SIGABRT")
    assert table(tallies).splitlines()[-1] == "| all | 15 | 2 | 1 | 0 | 0 | 0 | 0 | 1 | 0 |"
    assert tallies[1].failures == ["b: flip at 3 ^ 0xff: died: SIGABRT"]


@pytest.mark.parametrize(
    ("write", "list_subjects", "least"), [(write_sets, record_subjects, 9), (write_runs, model_subjects, 12)]
)
def test_a_share_of_all_damage_is_found(tmp_path, write, list_subjects, least):
    write(tmp_path)
    verdicts = collections.Counter()
    for subject in list_subjects(tmp_path):
        whole, expected = subject.file.read_bytes(), subject.read()
        for damage in all_damages(len(whole), len(subject.foreign), every=512, seed=0, share=4999):
            verdict, reason = judge(subject, damage, whole, expected)
            verdicts[verdict] += 1
            assert verdict not in FAILED, f"{subject.name}: {damage}: {reason}"
    assert verdicts["refused"] + verdicts["older"] + verdicts["redone"] >= least
