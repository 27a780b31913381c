"""Gaussian mixtures and priors: draws, files, damage."""

import numpy as np
import pytest

import vae_gan3d
from vae_gan3d.errors import UserError
from vae_gan3d.models.priors import GaussianMixture, MixturePrior, NormalPrior, load_prior


def blob(centre, components=1):
    """A mixture of three latent dimensions about a centre, spread by 0.125."""
    means = np.full((components, 3), centre, np.float32)
    factors = np.tile(np.float32(0.125) * np.eye(3, dtype=np.float32), (components, 1, 1))
    return GaussianMixture(np.full(components, 1 / components, np.float32), means, factors)


# No sofa was trained on.
PRIOR = MixturePrior(("chair", "lamp", "sofa", "table"), (600, 300, 0, 100), (blob(0), blob(10, 2), None, blob(20, 4)))


def test_classes_are_drawn_by_their_frequencies():
    latents, labels = PRIOR.sample(10_000, np.random.default_rng(0))
    assert (latents.shape, latents.dtype, labels.dtype) == ((10_000, 3), np.float32, np.int64)
    # Standard errors of at most 0.005.
    np.testing.assert_allclose(np.bincount(labels) / 10_000, [0.6, 0.3, 0, 0.1], atol=0.02)


def test_latents_are_of_the_class_that_the_label_says():
    latents, labels = PRIOR.sample(200, np.random.default_rng(0))
    np.testing.assert_array_equal(np.round(latents.mean(axis=1) / 10), np.array([0, 1, 9, 2])[labels])
    np.testing.assert_array_equal(labels, np.sort(labels))


@pytest.mark.parametrize("seed", range(5))
def test_classes_are_drawn_in_proportion(seed):
    # Of 10 draws 6, 3, 0 and 1, whatever the seed; of 5, 3 of the first, and 1.5, 0 and 0.5 up to one more or less.
    _, labels = PRIOR.sample(10, np.random.default_rng(seed))
    np.testing.assert_array_equal(np.bincount(labels, minlength=4), [6, 3, 0, 1])
    _, labels = PRIOR.sample(5, np.random.default_rng(seed))
    assert tuple(np.bincount(labels, minlength=4)) in ((3, 2, 0, 0), (3, 1, 0, 1))


def test_a_single_draw_is_of_each_class_by_its_odds():
    found = [int(PRIOR.sample(1, np.random.default_rng(seed))[1][0]) for seed in range(1000)]
    np.testing.assert_allclose(np.bincount(found) / 1000, [0.6, 0.3, 0, 0.1], atol=0.05)


def test_chosen_classes_keep_their_relative_frequencies():
    _, labels = PRIOR.sample(8_000, np.random.default_rng(0), ("table", "lamp"))
    np.testing.assert_allclose(np.bincount(labels) / 8_000, [0, 0.75, 0, 0.25], atol=0.02)
    latents, labels = PRIOR.sample(50, np.random.default_rng(0), ["table"])
    assert set(labels) == {3}
    np.testing.assert_allclose(latents, np.full((50, 3), 20), atol=0.6)


@pytest.mark.parametrize("name", ["stool", "sofa"])
def test_a_class_without_a_mixture_is_refused_and_the_others_listed(name):
    with pytest.raises(UserError, match=f"--classes={name}: the prior was fitted on chair, lamp, table: give one"):
        PRIOR.sample(1, np.random.default_rng(0), ("chair", name))


def test_draws_follow_the_generator():
    draws = [PRIOR.sample(5, np.random.default_rng(seed))[0] for seed in (1, 1, 2)]
    np.testing.assert_array_equal(draws[0], draws[1])
    assert not np.allclose(draws[0], draws[2])


def test_the_normal_prior():
    latents, labels = NormalPrior(2).sample(10_000, np.random.default_rng(0))
    assert (latents.shape, latents.dtype, labels) == ((10_000, 2), np.float32, None)
    np.testing.assert_allclose(latents.mean(axis=0), [0, 0], atol=0.05)
    np.testing.assert_allclose(np.cov(latents.T), np.eye(2), atol=0.06)
    narrow, _ = NormalPrior(2, 0.25).sample(10_000, np.random.default_rng(0))
    np.testing.assert_allclose(narrow, latents / 4, rtol=1e-6)
    with pytest.raises(UserError, match="--prior=normal has classes only"):
        NormalPrior(2).sample(1, np.random.default_rng(0), ("chair",))


def test_a_stored_prior_comes_back_bit_for_bit(tmp_path):
    PRIOR.save(tmp_path / "model.ckpt-3.prior.npz")
    assert [path.name for path in tmp_path.iterdir()] == ["model.ckpt-3.prior.npz"]
    loaded = load_prior(tmp_path / "model.ckpt-3.prior.npz")
    assert (loaded.classes, loaded.counts, loaded.latent_size) == (PRIOR.classes, PRIOR.counts, 3)
    assert loaded.mixtures[2] is None
    for name, mixture in PRIOR.fitted.items():
        for part in ("weights", "means", "factors"):
            stored = getattr(loaded.fitted[name], part)
            assert stored.dtype == np.float32
            np.testing.assert_array_equal(stored, getattr(mixture, part))
    drawn = [prior.sample(20, np.random.default_rng(0))[0] for prior in (PRIOR, loaded)]
    np.testing.assert_array_equal(*drawn)


def test_factors_are_stored_in_half_precision_and_older_files_are_read(tmp_path):
    factors = np.float32(0.1) * np.eye(3, dtype=np.float32)[None]
    mixture = GaussianMixture(np.ones(1, np.float32), np.zeros((1, 3), np.float32), factors)
    prior = MixturePrior(("chair",), (5,), (mixture,))
    prior.save(tmp_path / "half.npz")
    # float16 keeps eleven binary digits, so a rounded number is within 2^-11 of it
    np.testing.assert_allclose(load_prior(tmp_path / "half.npz").fitted["chair"].factors, factors, rtol=2**-11)
    with np.load(tmp_path / "half.npz", allow_pickle=False) as stored:
        fields = {name: stored[name] for name in stored.files}
    np.savez(tmp_path / "older.npz", **(fields | {"factors": factors}))
    np.testing.assert_array_equal(load_prior(tmp_path / "older.npz").fitted["chair"].factors, factors)


def test_a_stored_prior_says_what_wrote_it_and_one_without_is_read(tmp_path):
    PRIOR.save(tmp_path / "prior.npz")
    with np.load(tmp_path / "prior.npz") as stored:
        fields = dict(stored)
    assert str(fields.pop("version")) == vae_gan3d.__version__
    np.savez(tmp_path / "older.npz", **fields)
    assert load_prior(tmp_path / "older.npz").counts == PRIOR.counts


def test_a_file_cut_anywhere_is_refused_by_name(tmp_path):
    PRIOR.save(tmp_path / "whole.npz")
    whole, cut = (tmp_path / "whole.npz").read_bytes(), tmp_path / "cut.npz"
    for length in range(0, len(whole), len(whole) // 40):
        cut.write_bytes(whole[:length])
        with pytest.raises(
            UserError, match=r"cut\.npz is damaged, or not a prior .*: remove it, and give --records to fit it"
        ):
            load_prior(cut)


def test_a_changed_byte_is_refused_or_changes_nothing(tmp_path):
    PRIOR.save(tmp_path / "whole.npz")
    whole, changed = (tmp_path / "whole.npz").read_bytes(), tmp_path / "changed.npz"
    generator = np.random.default_rng(0)
    refused = 0
    for _ in range(300):
        damaged = bytearray(whole)
        damaged[generator.integers(len(whole))] ^= generator.integers(1, 256)
        changed.write_bytes(damaged)
        try:
            loaded = load_prior(changed)
        except UserError:
            refused += 1
        else:  # such as the date of a file within the archive
            np.testing.assert_array_equal(loaded.fitted["table"].means, PRIOR.fitted["table"].means)
    assert refused > 100


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"format": "other"}, "it is of format other, not vae_gan3d.prior"),
        ({"schema": 2, "version": "9.1"}, r"was written by a newer version 9\.1 of vae_gan3d \(schema 2"),
        ({"factors": None}, "'factors' is missing"),
        ({"counts": np.array([600, 300, 5, 100])}, "one with shapes has none"),
        ({"counts": np.array([600, 300, 0])}, "the numbers of classes"),
        ({"components": np.array([1, 2, 0, 3])}, "6 components, but 7 weights"),
        ({"components": np.array([-1, 2, 2, 4])}, "7 weights"),
        ({"components": np.array(7)}, "components"),
        ({"classes": np.array([1, 2, 3, 4])}, "classes"),
        ({"classes": np.array(["a", "a", "b", "c"])}, "the numbers of classes"),
        ({"classes": np.array(["a", None], object)}, "allow_pickle"),
        ({"means": np.full((7, 3), np.inf, np.float32)}, "the means are not all finite"),
        ({"means": np.zeros((7, 2), np.float32)}, "factors of shape"),
        ({"factors": np.zeros((7, 3, 3))}, "factors are float64"),
    ],
)
def test_a_file_of_other_contents_is_refused(tmp_path, changed, message):
    PRIOR.save(tmp_path / "prior.npz")
    with np.load(tmp_path / "prior.npz") as stored:
        fields = {**{name: stored[name] for name in stored.files}, **changed}
    np.savez(tmp_path / "prior.npz", **{name: value for name, value in fields.items() if value is not None})
    with pytest.raises(UserError, match=message):
        load_prior(tmp_path / "prior.npz")


def test_files_that_are_no_archive_are_refused(tmp_path):
    np.save(tmp_path / "array.npy", np.zeros(3))
    (tmp_path / "text").write_text("not a prior")
    for name in ("array.npy", "text", "absent"):
        with pytest.raises(UserError, match=f"{name} is damaged, or not a prior"):
            load_prior(tmp_path / name)


@pytest.mark.parametrize(
    ("counts", "components", "words"),
    [
        ((3,), (1,), "3 shapes: 1 class, 1 component"),
        ((3, 1), (2, 2), "4 shapes: 2 classes, 2 components"),
        ((3000, 0, 572), (8, 0, 1), "3572 shapes: 2 classes, 1 to 8 components"),
    ],
)
def test_descriptions(counts, components, words):
    mixtures = tuple(blob(0, size) if size else None for size in components)
    assert MixturePrior(tuple("abc"[: len(counts)]), counts, mixtures).describe() == words


def test_parts_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="the numbers of classes"):
        MixturePrior(("chair",), (1, 2), (blob(0), blob(1)))
    with pytest.raises(ValueError, match="one with shapes has none"):
        MixturePrior(("chair",), (0,), (None,))
    flat = GaussianMixture(np.ones(1, np.float32), np.zeros((1, 2), np.float32), np.eye(2, dtype=np.float32)[None])
    with pytest.raises(ValueError, match="different latent sizes"):
        MixturePrior(("chair", "table"), (1, 1), (blob(0), flat))


def test_the_normal_prior_of_a_conditional_model_draws_classes_evenly():
    prior = NormalPrior(2, classes=("chair", "lamp", "table"))
    latents, labels = prior.sample(300, np.random.default_rng(0))
    assert np.bincount(labels).tolist() == [100, 100, 100]
    plain, _ = NormalPrior(2).sample(300, np.random.default_rng(0))
    np.testing.assert_array_equal(latents, plain)
    _, chosen = prior.sample(4, np.random.default_rng(0), ("table", "chair"))
    assert chosen.tolist() == [0, 0, 2, 2]
    with pytest.raises(
        UserError, match="--classes=sofa: the model was trained on chair, lamp, table: give one of these"
    ):
        prior.sample(1, np.random.default_rng(0), ("sofa",))


# Two components in the plane. The second's covariance is [[4, 2], [2, 2]] = [[2, 0], [1, 1]] [[2, 1], [0, 1]].
WEIGHTS = np.array([0.25, 0.75], np.float32)
MEANS = np.array([[-50, 0], [50, 10]], np.float32)
FACTORS = np.array([[[1, 0], [0, 3]], [[2, 0], [1, 1]]], np.float32)


def mixture(**changed):
    return GaussianMixture(**{"weights": WEIGHTS, "means": MEANS, "factors": FACTORS, **changed})


def test_draws_have_each_components_share_mean_and_covariance():
    draws = mixture().draw(40_000, np.random.default_rng(0))
    assert (draws.shape, draws.dtype) == ((40_000, 2), np.float32)
    first, second = draws[draws[:, 0] < 0], draws[draws[:, 0] > 0]
    # Standard errors: of the share 0.002, of a mean at most 0.03, of a covariance at most 9 sqrt(2 / 10000) = 0.13.
    assert abs(len(first) / len(draws) - 0.25) < 0.01
    np.testing.assert_allclose(first.mean(axis=0), MEANS[0], atol=0.12)
    np.testing.assert_allclose(second.mean(axis=0), MEANS[1], atol=0.12)
    np.testing.assert_allclose(np.cov(first.T), [[1, 0], [0, 9]], atol=0.5)
    np.testing.assert_allclose(np.cov(second.T), [[4, 2], [2, 2]], atol=0.2)


def test_draws_come_in_no_order():
    firsts = mixture().draw(100, np.random.default_rng(0))[:, 0] < 0
    assert 10 < np.count_nonzero(firsts[1:] != firsts[:-1]) < 60


def test_draws_of_a_mixture_follow_the_generator():
    draws = [mixture().draw(5, np.random.default_rng(seed)) for seed in (1, 1, 2)]
    np.testing.assert_array_equal(draws[0], draws[1])
    assert not np.allclose(draws[0], draws[2])
    assert mixture().draw(0, np.random.default_rng(0)).shape == (0, 2)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"weights": WEIGHTS[:1]}, r"weights of shape \(1,\): give \(2,\)"),
        ({"means": MEANS[0]}, r"means of shape \(2,\): give \[K, L\]"),
        ({"means": MEANS[:0]}, "at least 1"),
        ({"factors": FACTORS[:, :1]}, r"factors of shape \(2, 1, 2\)"),
        ({"means": MEANS * np.float32(np.nan)}, "the means are not all finite"),
        ({"means": MEANS.astype(np.float64)}, "the means are not all finite float32"),
        ({"weights": np.array([0.5, 0.6], np.float32)}, "give shares of 1"),
        ({"weights": np.array([0, 1], np.float32)}, "give shares of 1"),
        ({"factors": FACTORS.transpose(0, 2, 1).copy()}, "not lower triangular"),
        ({"factors": -FACTORS}, "not positive on the diagonal"),
    ],
)
def test_numbers_that_are_no_mixture_are_refused(changed, message):
    with pytest.raises(ValueError, match=message):
        mixture(**changed)
