"""The table: every measure, aligned, explained."""

import pytest

from vae_gan3d.evaluation.metrics_table import metrics_table

BOTH = {"voxel_iou": 0.25, "chamfer": 0.00123}
METRICS = {
    "iou": 0.76321,
    "precision": 0.8,
    "recall": 0.9,
    "one_nna": BOTH,
    "coverage": BOTH,
    "mmd": BOTH,
    "jsd": 0.0,
    "occupancy_generated": 0.05,
    "occupancy_real": 0.06,
    "empty_samples": 3,
    "nearest_train_distance": 0.31,
    "nearest_train_distance_real": 0.35,
    "svm_accuracy": 0.91,
    "svm_accuracy_random_encoder": 0.81,
    "svm_accuracy_discriminator": 0.92,
    "svm_accuracy_random_discriminator": 0.82,
    "bound": {"one_nna": BOTH, "coverage": BOTH, "mmd": BOTH, "jsd": 0.02},
}


def cells(table):
    """The lines of the table itself, split at two spaces or more: name, model, bound."""
    lines = table.split("\n\n")[0].splitlines()
    return {line[:25].strip(): line[25:].split()[:2] for line in lines}


def test_every_measure_stands_beside_its_bound():
    found = cells(metrics_table(METRICS))
    assert found["measure"] == ["model", "bound"]
    assert found["IoU"] == ["0.7632", "1.000"]
    assert found["1-NNA, voxels"] == ["0.2500", "0.2500"]
    assert found["MMD, Chamfer"] == ["0.001230", "0.001230"]
    assert found["JSD"] == ["0.000", "0.02000"]
    assert found["occupancy"] == ["0.05000", "0.06000"]
    assert found["empty samples"][0] == "3"
    assert found["nearest training shape"] == ["0.3100", "0.3500"]
    assert found["SVM accuracy"] == ["0.9100", "-"]
    assert found["untrained discriminator"] == ["0.8200", "-"]


def test_columns_are_aligned_and_every_measure_has_its_line_of_meaning():
    rows, meanings = metrics_table(METRICS).split("\n\n")
    header, rule, *lines = rows.splitlines()
    assert set(rule) == {"-"}
    end = header.index("bound") + len("bound")
    assert all(line[end - 1] != " " and line[end : end + 2].strip() == "" for line in lines)
    assert len(meanings.splitlines()) == len(lines) + 1
    assert all(len(line) <= 160 for line in meanings.splitlines())


@pytest.mark.parametrize("missing", ["bound", "jsd", "svm_accuracy"])
def test_what_is_not_there_becomes_a_dash(missing):
    found = cells(metrics_table({**METRICS, missing: None}))
    assert (found["JSD"][1] == "-") == (missing == "bound")
    assert (found["JSD"][0] == "-") == (missing == "jsd")
    assert (found["SVM accuracy"][0] == "-") == (missing == "svm_accuracy")
    assert found["IoU"] == ["0.7632", "1.000"]
