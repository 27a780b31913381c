"""Measures as strict JSON."""

import json

import pytest

import vae_gan3d
from vae_gan3d.evaluation.metrics_file import write_metrics


def test_numbers_are_rounded_and_nothing_is_null(tmp_path):
    metrics = {"iou": 2 / 3, "one_nna": {"chamfer": None}, "worst": [{"iou": 1e-9, "index": 3}], "prior": "normal"}
    write_metrics(tmp_path / "metrics.json", metrics)
    read = json.loads((tmp_path / "metrics.json").read_text())
    assert read == {
        "format": "vae_gan3d.metrics",
        "schema": 1,
        "version": vae_gan3d.__version__,
        "iou": 0.666667,
        "one_nna": {"chamfer": None},
        "worst": [{"iou": 0.0, "index": 3}],
        "prior": "normal",
    }


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_json_has_not_is_refused_and_leaves_no_file(tmp_path, value):
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_metrics(tmp_path / "metrics.json", {"mmd": {"chamfer": value}})
    assert list(tmp_path.iterdir()) == []
