"""Which bad reconstructions are told of, and with what advice."""

import numpy as np
import pytest

from vae_gan3d.evaluation.poor_reconstructions import note_poor_reconstructions

STAND = "turn it to stand and face as the training shapes do; "
TURN = "turn it upright (--up_axis) and to face as the training shapes do; "
SIZE = "give it their --margin; "
TRAIN = "train longer, or on shapes like it"


@pytest.mark.parametrize(
    ("shape", "project", "advice"),
    [
        ("d/a.obj", 0, f"{TURN}{SIZE}give --project=50; {TRAIN}"),
        ("d/a.BINVOX", None, f"{TURN}{TRAIN}"),
        ("d/a.mat", 0, f"{STAND}give --project=50; {TRAIN}"),
        ("d/a.mat", 50, f"{STAND}{TRAIN}"),
        ("7", 0, f"give --project=50; {TRAIN}"),
    ],
)
def test_the_advice_is_what_the_shape_and_the_phase_allow(capsys, shape, project, advice):
    note_poor_reconstructions([shape], np.array([0.163]), project=project)
    name = "record 7" if shape == "7" else shape
    assert capsys.readouterr() == ("", f"note: poor reconstruction of {name} (IoU 0.16): {advice}\n")


def test_the_bad_ones_of_several_stand_in_one_line(capsys):
    note_poor_reconstructions(["a.mat", "b.mat", "c.mat"], np.array([0.49, 0.5, 0.0]))
    line = capsys.readouterr().err
    assert line == f"note: poor reconstruction of a.mat (IoU 0.49), c.mat (IoU 0.00): {STAND}{TRAIN}\n"


def test_nothing_is_said_of_good_ones(capsys):
    note_poor_reconstructions(["a.mat", "b.mat"], np.array([0.5, 1.0]), project=0)
    assert capsys.readouterr() == ("", "")
