"""A trained model: encode, decode, reconstruct, sample, interpolate and project, with NumPy in and out."""

import base64
import dataclasses
import functools
import html
import pathlib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from vae_gan3d.config import ModelConfig
from vae_gan3d.data.pipeline import ordered_batches
from vae_gan3d.data.record_set import find_records
from vae_gan3d.errors import UserError
from vae_gan3d.models.latents import PATHS, Projection, interpolate, path_through, project_latents
from vae_gan3d.models.prior_choice import normal_prior, require_known_classes, stored_prior
from vae_gan3d.models.priors import LatentPrior
from vae_gan3d.networks.build import Networks, build_networks
from vae_gan3d.progress import progress_bar
from vae_gan3d.training.checkpoint_files import prior_file, require_model, say_if_unchecked
from vae_gan3d.training.checkpoints import DAMAGED, MISMATCHED
from vae_gan3d.training.hardware import set_precision
from vae_gan3d.training.losses import intersection_over_union
from vae_gan3d.training.noise import POSTERIOR_STREAM, latent_noise, reparameterize
from vae_gan3d.training.state import inference_checkpoint
from vae_gan3d.viewing.notebook import Shapes, sheet_png

# Class names `[N]`, class numbers `[N]`, or shares of the classes `[N, classes]`.
Labels = Sequence[str] | Sequence[int] | np.ndarray

_BATCH = 32
_SECONDS_WITHOUT_A_BAR = 5
# Voxels that count as occupied in a refinement. Lower than the 0.5 of what is shown: at 0.5 each passage loses parts
# that the generator is unsure of, mostly thin ones. Held-out ModelNet10: samples have 0.92 of the real occupancy at 0.5
# and 0.96 at 0.4 (docs/RECIPE.md).
_REFINEMENT_THRESHOLD = 0.4


@dataclasses.dataclass(frozen=True, eq=False)
class DrawnLatents:
    """Latents drawn from a prior.

    Attributes:
        latents: `[N, L]` float32.
        classes: the class name of each latent, equal ones together; None if the prior knows no classes.
    """

    latents: np.ndarray
    classes: list[str] | None


class Model:
    """The averaged generator of a checkpoint, and its averaged encoder if it has one.

    Shapes are `[N, R, R, R]` arrays, occupied voxels 1 and empty ones 0, z (up) the last axis. Latents are `[N, L]`
    float32. N may be any number; batches of 32 are computed at a time.

    `labels` are the classes of the shapes: names, numbers (positions in `classes`), or shares of the classes
    `[N, classes]` for shapes between classes. A conditional model needs them; another model ignores them.

    Attributes:
        config: the model's configuration.
        networks: the networks with their weights.
        prefix: of the checkpoint; None if the networks are of no checkpoint.
    """

    def __init__(self, config: ModelConfig, networks: Networks, prefix: pathlib.Path | None = None) -> None:
        """Wraps networks.

        Args:
            config: the model's configuration.
            networks: the networks.
            prefix: of the checkpoint that they come from.
        """
        self.config = config
        self.networks = networks
        self.prefix = prefix
        self._encode = tf.function(
            lambda voxels, labels: networks.require_encoder()(voxels, labels), autograph=False, reduce_retracing=True
        )
        self._decode = tf.function(
            lambda latents, labels: tf.sigmoid(networks.generator(latents, labels)),
            autograph=False,
            reduce_retracing=True,
        )

    @property
    def resolution(self) -> int:
        """Voxels a side, R."""
        return self.config.resolution

    @property
    def latent_size(self) -> int:
        """Dimensions of a latent, L."""
        return self.config.latent_size

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes that the model was trained on."""
        return self.config.classes

    @property
    def conditional(self) -> bool:
        """Whether the model needs the class of each shape."""
        return self.config.conditional

    @property
    def has_encoder(self) -> bool:
        """False for a plain GAN, which only generates."""
        return self.config.kind != "gan"

    @functools.cached_property
    def prior(self) -> LatentPrior:
        """What samples are drawn from: the mixture stored beside the checkpoint, else the normal prior. Can be set.

        Raises:
            UserError: the stored prior is damaged, or of another checkpoint.
        """
        stored = stored_prior(self.prefix, self.config) if self.prefix and self.has_encoder else None
        return stored or normal_prior(self.config)

    def posterior(self, shapes: np.ndarray, labels: Labels | None = None) -> tuple[np.ndarray, np.ndarray]:
        """The Gaussian that the encoder gives for each shape.

        Args:
            shapes: `[N, R, R, R]` in [0, 1], any number type.
            labels: see the class.

        Returns:
            mean: `[N, L]` float32.
            log_variance: `[N, L]` float32 in [-8, 4].

        Raises:
            UserError: the model has no encoder, the shapes are of another resolution, or labels are missing or unknown.
        """
        shapes = self._checked_shapes(shapes)
        given = self._class_numbers(labels, len(shapes))
        moments = [
            self._encode(tf.cast(shapes[batch, ..., np.newaxis], tf.float32), _rows(given, batch))
            for batch in _batches(len(shapes))
        ]
        if not moments:
            return np.empty((0, self.latent_size), np.float32), np.empty((0, self.latent_size), np.float32)
        mean, log_variance = (tf.concat(parts, axis=0).numpy() for parts in zip(*moments, strict=True))
        return mean, log_variance

    def encode(self, shapes: np.ndarray, labels: Labels | None = None, *, noise_seed: int | None = None) -> np.ndarray:
        """Encodes shapes.

        Args:
            shapes: `[N, R, R, R]` in [0, 1], any number type.
            labels: see the class.
            noise_seed: adds the encoder's noise, drawn with this seed; None gives the means.

        Returns:
            `[N, L]` float32.

        Raises:
            UserError: as `posterior`.
        """
        mean, log_variance = self.posterior(shapes, labels)
        if noise_seed is None:
            return mean
        step = tf.constant(0, tf.int64)
        noise = latent_noise(mean.shape, seed=noise_seed, stream=POSTERIOR_STREAM, step=step)
        return reparameterize(mean, log_variance, noise).numpy()

    def decode(
        self, latents: npt.ArrayLike, labels: Labels | None = None, *, threshold: float | None = None
    ) -> np.ndarray:
        """Generates the shapes of latents.

        Args:
            latents: `[N, L]`.
            labels: see the class.
            threshold: gives bool, True above this probability, in a quarter of the memory; None gives probabilities.

        Returns:
            `[N, R, R, R]` float32 probabilities, or bool.

        Raises:
            UserError: the latents are of another size, or labels are missing or unknown.
        """
        latents = np.asarray(latents, np.float32)
        if latents.ndim != 2 or latents.shape[1] != self.latent_size:
            raise UserError(f"latents of shape {latents.shape}: give [N, {self.latent_size}]")
        given = self._class_numbers(labels, len(latents))
        shapes = np.empty((len(latents), *[self.resolution] * 3), np.float32 if threshold is None else bool)
        for batch in _batches(len(latents)):
            decoded = self._decode(tf.constant(latents[batch]), _rows(given, batch)).numpy()[..., 0]
            shapes[batch] = decoded if threshold is None else decoded > threshold
        return shapes.view(Shapes)

    def reconstruct(
        self, shapes: np.ndarray, labels: Labels | None = None, *, threshold: float | None = None
    ) -> np.ndarray:
        """Encodes shapes and decodes the means.

        Args:
            shapes: `[N, R, R, R]` in [0, 1], any number type.
            labels: see the class.
            threshold: as in `decode`.

        Returns:
            `[N, R, R, R]` float32 probabilities, or bool.

        Raises:
            UserError: as `posterior`.
        """
        return self.decode(self.encode(shapes, labels), labels, threshold=threshold)

    def latents_of(self, records: str, split_name: str = "train") -> tuple[np.ndarray, list[str]]:
        """Encodes the shapes of records, with a progress bar if it takes long.

        Args:
            records: a file, a folder or a pattern, as `--records`.
            split_name: which set of a folder.

        Returns:
            latents: `[N, L]` float32, the means, in the order of the records.
            classes: N class names.

        Raises:
            UserError: the records are not found or damaged, or the model has no encoder or does not know a class.
        """
        found = find_records(records, split_name)
        means, names = [], []
        with progress_bar(total=found.count, desc="encoding", unit="shape", delay=_SECONDS_WITHOUT_A_BAR) as bar:
            batches = ordered_batches(found, resolution=self.resolution, batch_size=_BATCH)
            for voxels, labels in batches.as_numpy_iterator():
                batch = [found.classes[label] for label in labels]
                means.append(self.encode(voxels[..., 0], batch))
                names += batch
                bar.update(len(labels))
        return np.concatenate(means), names

    def sample(
        self,
        count: int,
        classes: Sequence[str] | str | None = None,
        *,
        seed: int = 0,
        prior: LatentPrior | str | None = None,
        refinements: int = 1,
    ) -> np.ndarray:
        """Generates new shapes. Shapes of a class stand together; `draw` gives their latents and classes.

        Args:
            count: how many, N.
            classes: names of the classes to draw from, in proportion to their frequencies; None for all.
            seed: equal seeds give equal shapes.
            prior: see `draw`.
            refinements: see `draw`.

        Returns:
            `[N, R, R, R]` float32 probabilities.

        Raises:
            UserError: as `draw`.
        """
        drawn = self.draw(count, np.random.default_rng(seed), classes, prior=prior, refinements=refinements)
        return self.decode(drawn.latents, drawn.classes)

    def draw(
        self,
        count: int,
        generator: np.random.Generator,
        classes: Sequence[str] | str | None = None,
        *,
        prior: LatentPrior | str | None = None,
        refinements: int = 1,
    ) -> DrawnLatents:
        """Draws latents from the prior and refines them.

        A refinement decodes a latent and encodes the shape: an autoencoder's output is more like the shapes it learned
        than its input, so that fragments become whole. This is the chain of a denoising autoencoder (Bengio et al.
        2013, "Generalized Denoising Auto-Encoders as Generative Models", algorithm 1) without its noise.

        Args:
            count: how many, N.
            generator: source of random numbers.
            classes: names of the classes to draw from; None for all.
            prior: a prior, `normal`, `mixture` (the stored one), or None for `self.prior`.
            refinements: passages through generator and encoder, 0 or more; a plain GAN makes none.

        Returns:
            The latents and their classes.

        Raises:
            UserError: the prior does not know a class, or there is no mixture.
        """
        source = self._named_prior(prior)
        latents, numbers = source.sample(count, generator, [classes] if isinstance(classes, str) else classes)
        names = None if numbers is None else [source.classes[number] for number in numbers]
        passages = refinements if self.has_encoder else 0
        given = self._class_numbers(names, count) if passages else None
        with progress_bar(
            total=count * passages, desc="refining", unit="shape", delay=_SECONDS_WITHOUT_A_BAR, disable=not passages
        ) as bar:
            for batch in _batches(count):  # the shapes of one batch at a time are in memory
                for _ in range(passages):
                    part = None if given is None else given[batch]
                    shapes = self.decode(latents[batch], part, threshold=_REFINEMENT_THRESHOLD)
                    latents[batch] = self.encode(shapes, part)
                    bar.update(len(shapes))
        return DrawnLatents(latents, names)

    def interpolate(
        self,
        first: np.ndarray,
        second: np.ndarray,
        steps: int = 7,
        *,
        labels: Labels | None = None,
        path: str = "linear",
    ) -> np.ndarray:
        """Generates the shapes between two shapes.

        Args:
            first: `[R, R, R]` in [0, 1], where the path begins.
            second: `[R, R, R]` in [0, 1], where it ends.
            steps: shapes on the path with the reconstructions of both ends, 2 or more.
            labels: the classes of the two shapes, see the class.
            path: `linear`, or `slerp` for a great circle.

        Returns:
            `[steps, R, R, R]` float32 probabilities.

        Raises:
            UserError: as `posterior`.
            ValueError: there are fewer than two steps, or the path is unknown.
        """
        return self.decode_path(self.encode(np.stack([first, second]), labels), labels, steps=steps, path=path)

    def decode_path(
        self, latents: np.ndarray, labels: Labels | None = None, *, steps: int = 7, path: str = "linear"
    ) -> np.ndarray:
        """Generates the shapes on a path through latents. Between two classes a model is given shares of both.

        Args:
            latents: `[N, L]`, N at least 2, in the order of the path.
            labels: `[N]`, see the class.
            steps: shapes from each latent to the next, both ends included.
            path: `linear` or `slerp`.

        Returns:
            `[(N - 1) (steps - 1) + 1, R, R, R]` float32 probabilities.

        Raises:
            UserError: labels are missing or unknown.
            ValueError: there are fewer than two latents or steps, or the path is unknown.
        """
        if path not in PATHS:
            raise ValueError(f"path={path!r} is unknown: give {' or '.join(PATHS)}")
        shares = self.class_shares(labels, len(latents))
        mixed = None if shares is None else path_through(shares, steps, interpolate)
        return self.decode(path_through(latents, steps, PATHS[path]), mixed)

    def project(
        self,
        shapes: np.ndarray,
        labels: Labels | None = None,
        *,
        steps: int = 50,
        threshold: float = 0.5,
        start: np.ndarray | None = None,
    ) -> Projection:
        """Improves the latents of shapes by optimisation, see `project_latents`.

        Args:
            shapes: `[N, R, R, R]` in {0, 1}, N at least 1.
            labels: see the class.
            steps: of Adam, 1 or more.
            threshold: of the IoU, in (0, 1).
            start: latents `[N, L]` to begin with; None for the encoder's means.

        Returns:
            The latents, and the IoU before and after.

        Raises:
            UserError: as `posterior`.
        """
        latents = self.encode(shapes, labels) if start is None else start
        given = self._class_numbers(labels, len(shapes))
        return project_latents(self.networks.generator, latents, shapes, steps=steps, threshold=threshold, labels=given)

    def reconstruction_iou(
        self, latents: np.ndarray, shapes: np.ndarray, labels: Labels | None = None, *, threshold: float = 0.5
    ) -> np.ndarray:
        """The IoU of shapes and what the generator makes of their latents, `[N]` float32.

        Args:
            latents: `[N, L]`, N at least 1.
            shapes: `[N, R, R, R]` in {0, 1}.
            labels: see the class.
            threshold: voxels above this probability count as occupied.
        """
        decoded = self.decode(latents, labels)[..., np.newaxis]
        occupied = tf.constant(shapes[..., np.newaxis], tf.float32)
        return intersection_over_union(tf.constant(decoded), occupied, threshold).numpy()

    def class_shares(self, labels: Labels | None, count: int) -> np.ndarray | None:
        """Labels as shares of the classes, `[count, classes]` float32; None if the model is not conditional.

        Raises:
            UserError: labels are missing or unknown, or their number is another.
        """
        given = self._class_numbers(labels, count)
        if given is None or given.ndim == 2:
            return given
        return np.eye(len(self.classes), dtype=np.float32)[given]

    def __repr__(self) -> str:
        of_classes = f", trained on {', '.join(self.classes)}" if self.classes else ""
        return f"<vae_gan3d.Model {self.prefix or 'without a checkpoint'}: {self.config.describe()}{of_classes}>"

    def _repr_html_(self) -> str:
        """What a notebook displays: the model in words, and eight samples."""
        picture = base64.b64encode(sheet_png(self.sample(8))).decode()
        return f'<p>{html.escape(repr(self))}</p><img src="data:image/png;base64,{picture}" alt="eight samples">'

    def _class_numbers(self, labels: Labels | None, count: int) -> np.ndarray | None:
        """Labels as numbers `[count]` int64 or shares `[count, classes]` float32; None if not conditional."""
        if not self.conditional:
            return None
        known = ", ".join(self.classes)
        if labels is None:
            raise UserError(
                f"labels are missing: the model is conditional, so give the class of each shape, of {known}"
            )
        given = np.asarray(labels)
        if given.shape not in ((count,), (count, len(self.classes))):
            raise UserError(f"labels of shape {given.shape} for {count} shapes: give the class of each shape")
        if given.ndim == 2:
            return given.astype(np.float32)
        if not count:
            return np.empty(0, np.int64)
        if given.dtype.kind == "U":
            require_known_classes(self.config, given.tolist())
            return np.array([self.classes.index(name) for name in given], np.int64)
        if given.dtype.kind not in "iu" or given.min() < 0 or given.max() >= len(self.classes):
            raise UserError(
                f"labels from {given.min()} to {given.max()}: give numbers from 0 to {len(self.classes) - 1}"
            )
        return given.astype(np.int64)

    def _checked_shapes(self, shapes: np.ndarray) -> np.ndarray:
        if not self.has_encoder:
            raise UserError("a plain GAN has no encoder: draw samples, or use a vae_gan or vae model")
        side = self.resolution
        shapes = np.asarray(shapes)
        if shapes.ndim != 4 or shapes.shape[1:] != (side, side, side):
            raise UserError(f"shapes of {shapes.shape}: the model takes [N, {side}, {side}, {side}]; resize them first")
        return shapes

    def _named_prior(self, prior: LatentPrior | str | None) -> LatentPrior:
        if prior is None:
            return self.prior
        if not isinstance(prior, str):
            return prior
        if prior == "normal":
            return normal_prior(self.config)
        stored = stored_prior(self.prefix, self.config) if self.prefix and prior == "mixture" else None
        if stored is None:
            place = prior_file(self.prefix) if self.prefix else "the prior file of a checkpoint"
            raise UserError(f"prior={prior}: {place} is missing: give normal, or fit the mixture with --phase=sample")
        return stored


def _batches(count: int) -> list[slice]:
    return [slice(start, start + _BATCH) for start in range(0, count, _BATCH)]


def _rows(labels: np.ndarray | None, batch: slice) -> tf.Tensor | None:
    return None if labels is None else tf.constant(labels[batch])


def load_model(prefix: pathlib.Path, config: ModelConfig) -> Model:
    """Builds the networks of a checkpoint and restores the averaged weights, in float32.

    Args:
        prefix: of the checkpoint.
        config: from the `config.json` beside it.

    Returns:
        The model.

    Raises:
        UserError: the checkpoint is damaged, or has another architecture than `config.json`.
    """
    require_model(prefix, config)
    say_if_unchecked(prefix)
    set_precision("float32")
    networks = build_networks(**config.network_arguments())
    try:
        inference_checkpoint(networks).read(str(prefix)).assert_existing_objects_matched()
    except MISMATCHED as error:
        raise UserError(
            f"{prefix} is not of the networks that {prefix.parent / 'config.json'} describes ({config.describe()}): "
            "put the two files of one run together"
        ) from error
    except DAMAGED as error:
        raise UserError(f"{prefix} is damaged ({str(error).splitlines()[0]}): use another checkpoint") from error
    return Model(config, networks, prefix)
