"""Priors of latents: normal, or Gaussian mixtures fitted to the training shapes. Does not import TensorFlow."""

import dataclasses
import pathlib
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from typing import ClassVar, Protocol

import numpy as np

import vae_gan3d
from vae_gan3d.errors import UserError
from vae_gan3d.files import atomic_path, require_known_version
from vae_gan3d.text import counted

PRIOR_FORMAT = "vae_gan3d.prior"
NORMAL_FORMAT = "vae_gan3d.normal_prior"
PRIOR_SCHEMA = 1
REFIT = "remove it, and give --records to fit it again"
# Errors of a damaged archive; RuntimeError if a changed bit means encryption or an unknown compression.
_DAMAGE = (
    OSError,
    EOFError,
    KeyError,
    MemoryError,
    RuntimeError,
    TypeError,
    ValueError,
    zipfile.BadZipFile,
    zlib.error,
)


@dataclasses.dataclass(frozen=True, eq=False)
class GaussianMixture:
    """p(z) = Σ_k weights[k] N(z | means[k], factors[k] factors[k]ᵀ).

    Attributes:
        weights: `[K]` float32, above 0, summing to 1.
        means: `[K, L]` float32.
        factors: `[K, L, L]` float32, the lower Cholesky factors of the covariances.
    """

    weights: np.ndarray
    means: np.ndarray
    factors: np.ndarray

    def __post_init__(self) -> None:
        """Checks the numbers, which may come from a file.

        Raises:
            ValueError: shapes do not match, a number is not finite, or weights or Cholesky factors are invalid.
        """
        components, size = self.means.shape if self.means.ndim == 2 else (0, 0)
        if not components or not size:
            raise ValueError(f"means of shape {self.means.shape}: give [K, L], both at least 1")
        for name, wanted in (("weights", (components,)), ("factors", (components, size, size))):
            if getattr(self, name).shape != wanted:
                raise ValueError(f"{name} of shape {getattr(self, name).shape}: give {wanted}, to match the means")
        for name in ("weights", "means", "factors"):
            if getattr(self, name).dtype != np.float32 or not np.isfinite(getattr(self, name)).all():
                raise ValueError(f"the {name} are not all finite float32: fit them again")
        if self.weights.min() <= 0 or abs(self.weights.sum(dtype=np.float64) - 1) > 1e-4:
            raise ValueError(f"weights from {self.weights.min()} that sum to {self.weights.sum()}: give shares of 1")
        if np.triu(self.factors, 1).any() or np.diagonal(self.factors, axis1=1, axis2=2).min() <= 0:
            raise ValueError("factors that are not lower triangular, or not positive on the diagonal: fit them again")

    def rounded(self) -> "GaussianMixture":
        """The mixture with factors rounded to float16, as in the file; changes the log-likelihood by 1e-5 nats."""
        return dataclasses.replace(self, factors=self.factors.astype(np.float16).astype(np.float32))

    def draw(self, count: int, generator: np.random.Generator) -> np.ndarray:
        """Draws independent vectors.

        Args:
            count: how many, N, 0 or more.
            generator: random number generator.

        Returns:
            `[N, L]` float32.
        """
        shares = self.weights.astype(np.float64)
        chosen = generator.choice(len(shares), size=count, p=shares / shares.sum())
        draws = generator.standard_normal((count, self.means.shape[1]), dtype=np.float32)
        for component in np.unique(chosen):
            rows = chosen == component
            draws[rows] = self.means[component] + draws[rows] @ self.factors[component].T
        return draws


class WrongPriorError(UserError):
    """A stored prior is damaged, or of another checkpoint; it can be fitted again."""


class LatentPrior(Protocol):
    """A distribution of latents.

    Attributes:
        name: `normal` or `mixture`, the value of `--prior`.
        classes: class names in label order; may be empty.
    """

    @property
    def name(self) -> str:
        """`normal` or `mixture`."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names in label order; may be empty."""

    def sample(
        self, count: int, generator: np.random.Generator, classes: Sequence[str] | None = None
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """Draws latents.

        Args:
            count: how many, K.
            generator: random number generator.
            classes: the classes to draw from, in proportion to their frequencies; None for all.

        Returns:
            latents: `[K, L]` float32.
            labels: `[K]` int64 ascending, indices of `classes`; None without classes.

        Raises:
            UserError: the prior does not know a class.
        """

    def save(self, path: pathlib.Path) -> None:
        """Writes the prior as an `.npz` file without pickles.

        Raises:
            UserError: the system refuses the write.
        """


@dataclasses.dataclass(frozen=True)
class NormalPrior:
    """N(0, deviation² I).

    Attributes:
        latent_size: L.
        deviation: the standard deviation of every dimension.
        classes: of a conditional model; they are drawn equally often, because their frequencies are unknown here.
    """

    latent_size: int
    deviation: float = 1.0
    classes: tuple[str, ...] = ()
    name: ClassVar[str] = "normal"

    def sample(
        self, count: int, generator: np.random.Generator, classes: Sequence[str] | None = None
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """Draws latents, see `LatentPrior.sample`.

        Raises:
            UserError: the prior does not know a class.
        """
        self.require_classes(classes or ())
        latents = (self.deviation * generator.standard_normal((count, self.latent_size))).astype(np.float32)
        if not self.classes:
            return latents, None
        odds = np.array([classes is None or name in classes for name in self.classes], np.int64)
        return latents, _in_proportion(odds, count, generator)

    def require_classes(self, classes: Sequence[str]) -> None:
        """Refuses unknown classes.

        Raises:
            UserError: a class is unknown.
        """
        if classes and not self.classes:
            raise UserError(
                "--prior=normal has classes only for a model trained with --conditional: leave out --classes, or give "
                "--prior=mixture"
            )
        for name in classes:
            if name not in self.classes:
                raise UserError(
                    f"--classes={name}: the model was trained on {', '.join(self.classes)}: give one of these"
                )

    def save(self, path: pathlib.Path) -> None:
        """Writes what `sample_latents.py` reads: nothing else reads this file, because `config.json` says the same.

        Its fields: `format`, `schema` and `version`; `latent_size` and `deviation`; `classes` (`[C]` text, one empty
        name without classes), `counts` and `components` (`[C]` int64, 1 and 0).

        Raises:
            UserError: the system refuses the write.
        """
        classes = self.classes or ("",)
        with atomic_path(path) as temporary:
            np.savez(
                temporary,
                format=NORMAL_FORMAT,
                schema=PRIOR_SCHEMA,
                version=vae_gan3d.__version__,
                latent_size=np.int64(self.latent_size),
                deviation=np.float64(self.deviation),
                classes=np.array(classes, np.str_),
                counts=np.ones(len(classes), np.int64),
                components=np.zeros(len(classes), np.int64),
            )


@dataclasses.dataclass(frozen=True, eq=False)
class MixturePrior:
    """One Gaussian mixture for each class, weighted by the classes' frequencies in the training set.

    A prior fitted after training (Ghosh et al. 2020, "From Variational to Deterministic Autoencoders", section 4).

    Attributes:
        classes: all class names, in label order.
        counts: the training shapes of each.
        mixtures: of each; None where the count is 0.
        checkpoint: SHA-256 of the index of the checkpoint it was fitted to; empty in files of older versions.
    """

    classes: tuple[str, ...]
    counts: tuple[int, ...]
    mixtures: tuple[GaussianMixture | None, ...]
    checkpoint: str = ""
    name: ClassVar[str] = "mixture"

    def __post_init__(self) -> None:
        """Checks that the parts match.

        Raises:
            ValueError: they do not match, or no class has a mixture.
        """
        if not len(self.classes) == len(self.counts) == len(self.mixtures) == len(set(self.classes)):
            raise ValueError("the numbers of classes, counts and mixtures differ: fit the prior again")
        if not self.fitted or [count > 0 for count in self.counts] != [bool(mixture) for mixture in self.mixtures]:
            raise ValueError("a class without shapes has a mixture, or one with shapes has none: fit the prior again")
        if len({mixture.means.shape[1] for mixture in self.fitted.values()}) > 1:
            raise ValueError("the mixtures have different latent sizes: fit the prior again")

    @property
    def fitted(self) -> Mapping[str, GaussianMixture]:
        """The mixtures of the classes that have one."""
        return {name: mixture for name, mixture in zip(self.classes, self.mixtures, strict=True) if mixture}

    @property
    def latent_size(self) -> int:
        """L."""
        return next(iter(self.fitted.values())).means.shape[1]

    def describe(self) -> str:
        """Numbers of shapes, classes and components, for messages."""
        sizes = [len(mixture.weights) for mixture in self.fitted.values()]
        least, most = min(sizes), max(sizes)
        components = counted(least, "component") if least == most else f"{least} to {most} components"
        return f"{counted(sum(self.counts), 'shape')}: {counted(len(sizes), 'class', 'classes')}, {components}"

    def require_classes(self, classes: Sequence[str]) -> None:
        """Checks that every class has a mixture.

        Raises:
            UserError: a class has none; the message lists the classes with one.
        """
        for name in classes:
            if name not in self.fitted:
                raise UserError(
                    f"--classes={name}: the prior was fitted on {', '.join(self.fitted)}: give one of these"
                )

    def sample(
        self, count: int, generator: np.random.Generator, classes: Sequence[str] | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Draws latents, see `LatentPrior.sample`.

        Raises:
            UserError: a class has no mixture.
        """
        chosen = tuple(self.fitted) if classes is None else tuple(classes)
        self.require_classes(chosen)
        odds = np.array([share if name in chosen else 0 for name, share in zip(self.classes, self.counts, strict=True)])
        labels = _in_proportion(odds, count, generator)
        latents = np.empty((count, self.latent_size), np.float32)
        for label in np.unique(labels):
            rows = labels == label
            latents[rows] = self.fitted[self.classes[label]].draw(int(rows.sum()), generator)
        return latents, labels

    def save(self, path: pathlib.Path) -> None:
        """Writes the prior as an `.npz` file without pickles.

        Its fields: `format`, `schema`, `version` and `checkpoint`; `classes` (`[C]` text), `counts` (`[C]` int64) and
        `components` (`[C]` int64, the size of each class's mixture, 0 for none); and of all components one after the
        other `weights` (`[K]`), `means` (`[K, L]`), float32, and `factors` (`[K, L, L]`), float16, which halves the
        file: fitted factors are rounded to that (see `fit_prior`), so that what is loaded draws the same.

        Raises:
            UserError: the system refuses the write.
        """
        mixtures = list(self.fitted.values())
        with atomic_path(path) as temporary:
            np.savez_compressed(  # a triangular factor is half zeros
                temporary,
                format=PRIOR_FORMAT,
                schema=PRIOR_SCHEMA,
                version=vae_gan3d.__version__,
                checkpoint=self.checkpoint,
                classes=np.array(self.classes, np.str_),
                counts=np.array(self.counts, np.int64),
                components=np.array([len(mixture.weights) if mixture else 0 for mixture in self.mixtures], np.int64),
                weights=np.concatenate([mixture.weights for mixture in mixtures]),
                means=np.concatenate([mixture.means for mixture in mixtures]),
                factors=np.concatenate([mixture.factors for mixture in mixtures]).astype(np.float16),
            )


def _in_proportion(odds: np.ndarray, count: int, generator: np.random.Generator) -> np.ndarray:
    """Labels `[count]` in ascending order, in proportion to the odds, rounded up or down.

    Systematic sampling (Kitagawa 1996): the shares of classes vary less between sets of samples than with independent
    draws. Varying shares caused most of the variance of occupancy.
    """
    places = (generator.random() + np.arange(count)) / count * odds.sum()
    return np.searchsorted(np.cumsum(odds), np.minimum(places, np.nextafter(odds.sum(), 0)), side="right")


def load_prior(path: pathlib.Path, *, remedy: str = REFIT) -> MixturePrior:
    """Reads a file of `MixturePrior.save`.

    Args:
        path: the `.npz` file.
        remedy: end of an error message: what to do.

    Returns:
        The prior, bit for bit if its factors are rounded to float16.

    Raises:
        WrongPriorError: the file is unreadable, damaged, or of another format.
        UserError: a newer version wrote the file.
    """
    try:
        with zipfile.ZipFile(path) as archive:  # numpy does not check the CRC of an array with a changed header
            damaged = archive.testzip()
        if damaged:
            raise ValueError(f"wrong checksum of {damaged}")
        with np.load(path, allow_pickle=False) as stored:
            fields = {name: stored[name] for name in stored.files}
        require_known_version(path, fields, PRIOR_FORMAT, PRIOR_SCHEMA)
        return _from_fields(fields)
    except UserError:  # of a newer version
        raise
    except _DAMAGE as error:
        reason = f"{error} is missing" if isinstance(error, KeyError) else " ".join(str(error).split())
        raise WrongPriorError(f"{path} is damaged, or not a prior ({reason}): {remedy}") from error


def _from_fields(fields: Mapping[str, np.ndarray]) -> MixturePrior:
    """Builds a prior from the fields of a file; an error means that they are invalid."""
    for name, kind in (("classes", "U"), ("counts", "i"), ("components", "i")):
        if fields[name].ndim != 1 or fields[name].dtype.kind != kind or not fields[name].size:
            raise ValueError(f"{name} are {fields[name].dtype} of shape {fields[name].shape}")
    components = fields["components"].tolist()
    if min(components) < 0 or sum(components) != len(fields["weights"]):
        raise ValueError(f"{sum(components)} components, but {len(fields['weights'])} weights")
    factors = fields["factors"]
    if factors.dtype not in (np.float16, np.float32):  # older files have float32
        raise ValueError(f"factors are {factors.dtype}")
    parts = (fields["weights"], fields["means"], factors.astype(np.float32))
    ends = np.cumsum(components)
    mixtures = tuple(
        GaussianMixture(*(part[end - size : end] for part in parts)) if size else None
        for size, end in zip(components, ends, strict=True)
    )
    checkpoint = str(fields.get("checkpoint", ""))
    return MixturePrior(tuple(fields["classes"].tolist()), tuple(fields["counts"].tolist()), mixtures, checkpoint)
