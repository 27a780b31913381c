"""A batch in two parts gives the step of the whole batch."""

import pytest

from tests.several_replicas import IN_PARTS, require_equal, take_steps
from vae_gan3d.training.distribution import ONE_DEVICE


@pytest.mark.parametrize("case", IN_PARTS)
def test_two_parts_give_the_steps_of_the_whole_batch(case):
    # The first step is without the game of a VAE-GAN, the third with the penalty too.
    require_equal(take_steps(case, ONE_DEVICE, steps=3, accumulate=2), take_steps(case, ONE_DEVICE, steps=3))
