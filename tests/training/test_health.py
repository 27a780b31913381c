"""The warnings: when they speak, and how often."""

from vae_gan3d.training.health import CollapseWatch, DiscriminatorWatch, OccupancyWatch, all_watches

NAN = float("nan")


def warnings(watch, name, values, steps):
    return [watch.warning({name: value}, step) for value, step in zip(values, steps, strict=True)]


def spoken(found):
    return [warning is not None for warning in found]


def test_occupancy_warns_once_each_time_the_ratio_leaves_the_range():
    ratios = [1.0, 0.29, 0.1, 0.3, 3.0, 3.1, 50.0, 1.0, 0.0]
    found = warnings(OccupancyWatch(), "occupancy_ratio", ratios, range(1000, 1009))
    assert spoken(found) == [False, True, False, False, False, True, False, False, True]
    assert found[1].startswith("warning: at step 1001 samples are nearly blank (0.29 of the real occupancy): train ")
    assert "--kl_weight" in found[1]
    assert "nearly solid (3.1 times the real occupancy)" in found[5]


def test_occupancy_says_nothing_in_the_first_steps_and_does_not_miss_what_lasts():
    assert spoken(warnings(OccupancyWatch(), "occupancy_ratio", [0.0, 0.0], [199, 200])) == [False, True]


def test_the_end_of_a_short_run_is_judged_too_and_told_to_train_longer():
    assert OccupancyWatch().warning({"occupancy_ratio": 0.0}, 51, last=True) == (
        "warning: at step 51 samples are nearly blank (0.00 of the real occupancy): "
        "train longer (--train_steps=3000 or more)"
    )
    assert OccupancyWatch().warning({"occupancy_ratio": 1.0}, 51, last=True) is None
    assert OccupancyWatch().warning({"occupancy_ratio": 0.0}, 51) is None
    assert CollapseWatch(0).warning({"kl": 0.1}, 51, last=True) is None


def test_what_is_still_wrong_at_the_end_is_said_once_more():
    watch = OccupancyWatch()
    found = [watch.warning({"occupancy_ratio": 0.1}, step, last=step == 4000) for step in (3000, 3500, 4000)]
    assert spoken(found) == [True, False, True]
    assert "raise --kl_weight" in found[2]  # after so many steps more of them alone need not help


def test_collapse_warns_once_each_time_the_kl_falls_below_a_nat():
    found = warnings(CollapseWatch(0), "kl", [0.5, 0.99, 0.1, 1.0, 0.2], [199, 200, 250, 300, 350])
    assert spoken(found) == [False, True, False, False, True]
    assert found[1] == (
        "warning: at step 200 the latents tell 0.99 nats of a shape, nearly nothing (posterior collapse): "
        "lower --kl_weight or raise --kl_warmup"
    )


def test_collapse_waits_for_the_end_of_the_warm_up():
    assert spoken(warnings(CollapseWatch(1000), "kl", [0.1, 0.1], [999, 1000])) == [False, True]


def test_a_discriminator_has_won_after_500_steps_without_a_break():
    # From row 1000 on it wins; row 1500 is 500 steps later. A row below 0.99 begins the count anew.
    accuracies = [0.98, 0.99, 1.0, 1.0, 1.0, 0.9, 1.0, 1.0]
    steps = [950, 1000, 1450, 1500, 2500, 2550, 2600, 3100]
    found = warnings(DiscriminatorWatch(), "discriminator_accuracy", accuracies, steps)
    assert spoken(found) == [False, False, False, True, False, False, False, True]
    assert found[3] == (
        "warning: at step 1500 the discriminator has won (accuracy 0.99 or more for 500 steps): "
        "lower --d_learning_rate, raise --r1_weight or set --d_accuracy_threshold=0.8"
    )


def test_a_discriminator_that_does_not_play_has_not_won():
    found = warnings(
        DiscriminatorWatch(), "discriminator_accuracy", [NAN, 1.0, NAN, 1.0, 1.0], [0, 500, 700, 900, 1300]
    )
    assert spoken(found) == [False] * 5


def test_a_run_has_every_watch_but_where_a_strong_critic_is_right():
    kinds = [
        [type(watch) for watch in all_watches(encoded=True, kl_warmup=7, adversarial_loss=loss)]
        for loss in ("bce", "wgan-gp")
    ]
    assert kinds == [[OccupancyWatch, CollapseWatch, DiscriminatorWatch], [OccupancyWatch, CollapseWatch]]
    (_, collapse, _) = all_watches(encoded=True, kl_warmup=700, adversarial_loss="hinge")
    assert spoken(warnings(collapse, "kl", [0.1, 0.1], [699, 700])) == [False, True]


def test_a_plain_gan_is_not_asked_for_its_kl_nor_told_to_change_it():
    watches = all_watches(encoded=False, kl_warmup=0, adversarial_loss="bce")
    assert [type(watch) for watch in watches] == [OccupancyWatch, DiscriminatorWatch]
    for ratio in (0.1, 9.0):
        (found,) = warnings(
            all_watches(encoded=False, kl_warmup=0, adversarial_loss="bce")[0], "occupancy_ratio", [ratio], [900]
        )
        assert "--learning_rate" in found
        assert "--kl_weight" not in found
        assert "--adversarial_weight" not in found
