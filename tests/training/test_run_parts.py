"""What a run is made of: the parts that take more from a configuration than a name."""

import numpy as np

from tests.fakes import random_grids, write_records
from tests.small_runs import make_config
from vae_gan3d.records.record_set import find_records
from vae_gan3d.training.run_parts import spread_shapes, step_options


def test_the_shapes_looked_at_are_from_all_over_the_records(tmp_path):
    grids = random_grids(200, 16)
    write_records(tmp_path, grids, [0] * 100 + [1] * 100, ("chair", "table"))
    shapes, labels = spread_shapes(find_records(str(tmp_path)), 16)
    assert (shapes.shape, shapes.dtype) == ((64, 16, 16, 16, 1), np.float32)
    np.testing.assert_array_equal(shapes[0, ..., 0], grids[0])
    np.testing.assert_array_equal(shapes[-1, ..., 0], grids[199])
    assert labels.tolist() == [0] * 32 + [1] * 32


def test_the_constants_of_a_step_are_those_of_the_configuration(tmp_path):
    config = make_config(tmp_path)
    options = step_options(config, 70)
    assert (options.total_steps, options.global_batch, options.seed) == (70, config.batch_size, config.seed)
    assert options.kl_weight == config.loss.kl_weight
    assert options.ema_decay == config.optimizer.ema_decay
