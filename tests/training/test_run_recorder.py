"""The page that training renews: where its contents come from."""

import json

import numpy as np
import pytest

from tests.evaluation.test_results import METRICS
from vae_gan3d.training import run_recorder
from vae_gan3d.training.image_summaries import EncoderShapeSource
from vae_gan3d.training.run_log import write_flags
from vae_gan3d.training.run_recorder import RunReport, known_measures, read_curves, run_title, save_or_warn

GRIDS = np.zeros((4, 16, 16, 16), np.float32)
GRIDS[:, 2] = 0.6
CONDITIONS = {"checkpoint": "RUN/model.ckpt-40", "samples": 8, "prior": "mixture", "seed": 3}


class Drawn:
    """Looks at samples alone, as of a plain GAN."""

    title = "samples"

    def shapes(self):
        return GRIDS

    def path(self, steps):
        return np.repeat(GRIDS[:1], steps, axis=0)


class Encoded(Drawn, EncoderShapeSource):
    """Looks at two of four shapes."""

    title = "between shapes"

    def __init__(self):
        self.pictured, self.path_ends = np.array([0, 3]), np.array([2, 1])

    def pairs(self):
        return GRIDS[:2], 1 - GRIDS[:2]

    def _latents(self):
        pytest.fail("what is drawn here asks for no latents")


def page_data(source, folder, monkeypatch):
    """What would stand on the page."""
    kept = []
    monkeypatch.setattr(run_recorder, "save_report", lambda path, data: kept.append((path, data)))
    report = RunReport(folder, "vae, default at 16^3", source, ["chair", "lamp", "sofa", "table"])
    assert report.renew(2, 1234) is None
    ((path, data),) = kept
    assert path == report.path == folder / "report.html"
    return data


def write_evaluation(folder, text):
    (folder / "evaluated.json").write_text(text)


def test_shapes_names_flags_and_how_to_evaluate(tmp_path, monkeypatch):
    write_flags(tmp_path, {"seed": "0"})
    data = page_data(Encoded(), tmp_path, monkeypatch)
    assert data.summary == "epoch 2, step 1,234; vae, default at 16^3"
    assert (data.samples.title, data.samples.grids.dtype, data.samples.grids.sum()) == (
        "Generated between shapes",
        bool,
        1024,
    )
    assert data.pairs.names == ["chair", "table"]
    assert not (data.pairs.originals & data.pairs.reconstructions).any()
    assert (data.path.first, data.path.second, data.path.grids.shape) == ("sofa", "lamp", (11, 16, 16, 16))
    assert (data.measures, data.curves, data.flags) == ((), {}, {"seed": "0"})
    assert f"--phase=evaluate --checkpoint={tmp_path} " in data.measures_note


def test_a_plain_gan_has_no_pairs(tmp_path, monkeypatch):
    data = page_data(Drawn(), tmp_path, monkeypatch)
    assert data.pairs is None
    assert (data.path.first, data.path.second) == ("one sample", "another sample")


def test_curves_leave_out_what_is_no_number(tmp_path):
    (tmp_path / "metrics.csv").write_text("epoch,step,kl,iou\n0,50,nan,0.5\n0,100,,inf\n1,150,7,word\n")
    curves = read_curves(tmp_path)
    assert (curves["kl"], curves["iou"]) == ([(150, 7.0)], [(50, 0.5)])
    assert read_curves(tmp_path / "absent") == {}


def test_measures_of_the_run_are_found(tmp_path):
    write_evaluation(tmp_path, json.dumps({**METRICS, **CONDITIONS}))
    found, note = known_measures(tmp_path)
    assert found[0].model == "0.7632"
    assert note == "Of model.ckpt-40: 8 samples of the mixture prior, seed 3."


@pytest.mark.parametrize(
    "text", ["{", "[]", "{}", '{"iou": 1}', json.dumps(METRICS), json.dumps({**METRICS, "mmd": 2})]
)
def test_measures_that_cannot_be_read_are_no_measures(tmp_path, text):
    write_evaluation(tmp_path, text)
    found, note = known_measures(tmp_path)
    assert found == ()
    assert note.startswith("Not measured yet: ")


def test_a_failure_is_one_line(tmp_path):
    def fail():
        raise RuntimeError

    assert save_or_warn(tmp_path / "a.html", fail) == (
        f"warning: {tmp_path / 'a.html'} is not renewed: RuntimeError; --report=false leaves it out"
    )


def test_a_stage_is_called_by_its_run(tmp_path):
    assert run_title(tmp_path / "chairs" / "stage-32") == "chairs/stage-32"
    assert run_title(tmp_path / "chairs") == "chairs"
