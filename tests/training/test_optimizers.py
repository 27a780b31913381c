"""Each optimizer moves a weight as its authors say, by a step that is worked out by hand."""

import keras
import numpy as np
import pytest

from vae_gan3d.config import OPTIMIZERS
from vae_gan3d.training.optimizers import make_optimizer


def moved(kind, name="kernel", steps=1):
    """Where a weight of 1 is after steps with a gradient of 2 and a learning rate of 0.1."""
    variable = keras.Variable(np.ones(1, np.float32), name=name)
    optimizer = make_optimizer(kind, 0.1, beta1=0.5, name=kind)
    optimizer.build([variable])
    for _ in range(steps):
        optimizer.apply([keras.ops.full((1,), 2.0)], [variable])
    return float(variable.numpy()[0])


def test_adam_moves_by_the_learning_rate_at_first():
    assert moved("adam") == pytest.approx(1 - 0.1, abs=1e-5)


def test_adamw_also_takes_a_share_of_a_kernel():
    # 0.1 * 0.01 of 1 is 0.001.
    assert moved("adamw") == pytest.approx(1 - 0.1 - 0.001, abs=1e-5)


@pytest.mark.parametrize("name", ["bias", "scale", "offset", "gamma", "beta"])
def test_adamw_leaves_other_weights_whole(name):
    assert moved("adamw", name) == pytest.approx(1 - 0.1, abs=1e-5)


@pytest.mark.parametrize("kind", ["adam", "adamw"])
def test_one_operation_moves_weights_and_moments_as_keras_does(kind):
    random = np.random.default_rng(0)
    gradients = random.normal(size=(5, 3, 4)).astype(np.float32)
    made = {"adam": keras.optimizers.Adam, "adamw": keras.optimizers.AdamW}[kind](0.01, beta_1=0.5, beta_2=0.99)
    if kind == "adamw":
        made.weight_decay = 0.01
    found = []
    for optimizer in (make_optimizer(kind, 0.01, beta1=0.5, name=kind), made):
        variable = keras.Variable(np.ones((3, 4), np.float32), name="kernel")
        optimizer.build([variable])
        for gradient in gradients:
            optimizer.apply([keras.ops.convert_to_tensor(gradient)], [variable])
        assert int(optimizer.iterations) == len(gradients)
        moments = [moment for moment in optimizer.variables if moment.shape == variable.shape]
        assert len(moments) == 2
        found.append([tensor.numpy() for tensor in (variable, *moments)])
    np.testing.assert_allclose(found[0], found[1], rtol=1e-5, atol=1e-7)


def test_sgd_keeps_nine_tenths_of_its_speed():
    # First by 0.1 * 2 = 0.2, then by 0.9 * 0.2 + 0.2 = 0.38.
    assert moved("sgd", steps=2) == pytest.approx(1 - 0.2 - 0.38, abs=1e-5)


def test_rmsprop_divides_by_the_root_of_a_slow_mean():
    # The mean of squares is 0.01 * 4 = 0.04: the step is 0.1 * 2 / 0.2.
    assert moved("rmsprop") == pytest.approx(1 - 1, abs=1e-4)


def test_adadelta_begins_with_tiny_steps():
    # 0.1 * sqrt(1e-7) / sqrt(0.05 * 4) * 2 = 1.414e-4.
    assert moved("adadelta") == pytest.approx(1 - 1.414e-4, abs=1e-6)


@pytest.mark.parametrize("kind", OPTIMIZERS)
def test_variables_carry_the_given_name(kind):
    optimizer = make_optimizer(kind, 0.1, beta1=0.5, name=f"d_{kind}")
    optimizer.build([keras.Variable(np.ones(1, np.float32), name="kernel")])
    assert all(variable.path.startswith(f"d_{kind}/") for variable in optimizer.variables)


def test_an_unknown_kind_is_refused():
    with pytest.raises(ValueError, match=r"optimizer='lion' is not known: give adam, adamw, sgd, rmsprop or adadelta"):
        make_optimizer("lion", 0.1, beta1=0.5, name="lion")
