"""Labels of records, priors and files, as a conditional model counts its classes."""

import numpy as np
import pytest

from tests.fakes import random_grids, write_legacy_records, write_mat, write_records
from vae_gan3d.config import ModelConfig
from vae_gan3d.errors import UserError
from vae_gan3d.evaluation.model_labels import (
    model_labels,
    require_known_classes,
    require_known_shapes,
    shape_labels,
)
from vae_gan3d.evaluation.shape_choice import choose_shape
from vae_gan3d.records.record_set import find_records

PLAIN = ModelConfig(16, 4, "default", 8, "group", "relu", ("bed", "chair", "table"))
CONDITIONAL = ModelConfig(16, 4, "default", 8, "group", "relu", ("bed", "chair", "table"), conditional=True)


@pytest.fixture
def records(tmp_path):
    """Records that number the classes in another way than the model."""
    write_records(tmp_path / "records", random_grids(4, 16), [0, 1, 1, 0], ("table", "bed"))
    return find_records(str(tmp_path / "records"))


def test_labels_are_matched_by_the_names_of_their_classes():
    # Of (table, bed), 0 is a table, the model's 2, and 1 a bed, its 0.
    assert model_labels(CONDITIONAL, ("table", "bed"), np.array([0, 1, 1])).tolist() == [2, 0, 0]
    assert model_labels(PLAIN, ("sofa",), np.array([0])) is None
    with pytest.raises(ValueError, match="labels are missing for a conditional model"):
        model_labels(CONDITIONAL, (), None)


def test_other_classes_and_legacy_records_are_refused(tmp_path):
    write_legacy_records(tmp_path / "old.tfrecords", random_grids(1, 16))
    for classes in (("bed", "sofa"), find_records(str(tmp_path / "old.tfrecords")).classes):
        require_known_classes(PLAIN, classes)
        with pytest.raises(
            UserError, match=f"--conditional on bed, chair, table, and there are shapes of class {classes[-1]}"
        ):
            require_known_classes(CONDITIONAL, classes)


def test_a_record_knows_its_class_and_a_file_is_told(tmp_path, records):
    write_mat(tmp_path / "a.mat", random_grids(1, 16)[0])
    file = str(tmp_path / "a.mat")
    choices = [choose_shape("3", records), choose_shape(file, records, "chair"), choose_shape("1", records)]
    require_known_shapes(CONDITIONAL, choices)
    assert [choice.load_class() for choice in choices] == ["table", "chair", "bed"]
    assert shape_labels(CONDITIONAL, choices).tolist() == [2, 1, 0]
    assert shape_labels(PLAIN, choices) is None
    require_known_shapes(PLAIN, [choose_shape(file, None)])
    with pytest.raises(UserError, match="the class of the file a is not known: give the index of a record"):
        require_known_shapes(CONDITIONAL, [choose_shape(file, None)])
    with pytest.raises(UserError, match="shapes of class sofa"):
        require_known_shapes(CONDITIONAL, [choose_shape(file, None, "sofa")])
