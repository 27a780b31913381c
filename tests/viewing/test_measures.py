"""What measures say; the table of them is tested in tests/evaluation."""

import pytest

from tests.evaluation.test_results import METRICS
from vae_gan3d.viewing.measures import measures


def test_every_measure_has_words():
    found = {measure.name.strip(): measure for measure in measures(METRICS)}
    assert (found["JSD"].model, found["JSD"].bound, found["JSD"].better) == ("0.000", "0.02000", "lower")
    assert (found["SVM accuracy"].model, found["SVM accuracy"].bound) == ("0.9100", "-")
    assert found["empty samples"].model == "3"
    assert all(measure.meaning for measure in found.values())


@pytest.mark.parametrize("metrics", [{}, {"iou": 0.5}, {**METRICS, "mmd": 3}])
def test_what_is_no_evaluation_is_refused(metrics):
    with pytest.raises((KeyError, TypeError)):
        measures(metrics)
