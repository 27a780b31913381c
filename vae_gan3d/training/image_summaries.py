"""Image summaries: pictures, histograms and meshes of generated shapes every `--image_every` steps."""

import abc
import pathlib

import numpy as np
import tensorflow as tf

from vae_gan3d.errors import UserError
from vae_gan3d.files import make_folder
from vae_gan3d.networks.build import Networks
from vae_gan3d.networks.encoder import Encoder
from vae_gan3d.networks.generator import Generator
from vae_gan3d.training.losses import occupancy
from vae_gan3d.training.noise import interpolated
from vae_gan3d.training.run_folder import PICTURES_NAME
from vae_gan3d.training.run_log import TensorBoardLog
from vae_gan3d.viewing.sheets import save_pairs, save_sheet

_PICTURED = 8
_SAMPLED = 32
# TensorBoard shows fewer; each adds up to 2 MB to its files.
MOST_SUMMARIES = 50
_MESHES = 4


class ShapeSource(abc.ABC):
    """Generates shapes for summaries, from the same latents each time, so that summaries can be compared."""

    def __init__(self, generator: Generator, voxels: np.ndarray, labels: np.ndarray | None) -> None:
        """Chooses the latents.

        Args:
            generator: the averaged one.
            voxels: `[B, R, R, R, 1]` float32 in {0, 1}, real shapes, the more the better.
            labels: `[<= 32]` int64, the classes of the generated shapes; None if the networks are not conditional.
        """
        self._labels = labels
        self._classes = generator.arguments.get("classes", 0)
        self._real_occupancy = float(tf.reduce_mean(occupancy(voxels)))
        self._generate = tf.function(lambda latents, labels: tf.sigmoid(generator(latents, labels)), autograph=False)

    def occupancy_ratio(self) -> float:
        """The mean occupancy of 32 generated shapes divided by that of the real shapes."""
        generated = self._generate(self._latents(), self._labels)
        return float(tf.reduce_mean(occupancy(generated))) / max(self._real_occupancy, 1e-9)

    def save_pictures(self, save_path: pathlib.Path, epoch: int, step: int) -> dict[str, pathlib.Path]:
        """Draws generated shapes, and originals with their reconstructions if there is an encoder.

        Args:
            save_path: the run folder.
            epoch: epochs completed.
            step: steps taken.

        Returns:
            The pictures' paths under `SAVE_PATH/output_ims/epoch-E_sample-S/`, by name.

        Raises:
            UserError: they cannot be written.
        """
        folder = make_folder(save_path / PICTURES_NAME / f"epoch-{epoch}_sample-{step}")
        path = folder / "samples.png"
        save_sheet(path, self.shapes(), columns=8, title=f"{self.title}, step {step}")
        return {"samples": path}

    def shapes(self) -> np.ndarray:
        """The generated shapes, `[<= 32, R, R, R]` float32 probabilities."""
        return self._generate(self._latents(), self._labels).numpy()[..., 0]

    def path(self, steps: int) -> np.ndarray:
        """Shapes on the line between two latents, `[steps, R, R, R]` float32 probabilities.

        Args:
            steps: how many, 2 or more: α from 0, the second end, to 1, the first.
        """
        ends, labels = self._path_ends()
        shares = tf.linspace(0.0, 1.0, steps)[:, tf.newaxis]
        if labels is not None:
            first, second = tf.one_hot(labels, self._classes)
            labels = interpolated(first, second, shares)
        return self._generate(interpolated(ends[0], ends[1], shares), labels).numpy()[..., 0]

    def latent_moments(self) -> dict[str, np.ndarray]:
        """The encoder's moments of real shapes, `[<= 32, L]` each: `latent_mean` and `latent_log_variance`.

        Returns:
            Both by name; empty without an encoder.
        """
        return {}

    @property
    @abc.abstractmethod
    def title(self) -> str:
        """The title of the generated shapes."""

    @abc.abstractmethod
    def _latents(self) -> tf.Tensor:
        """The latents of the generated shapes, `[<= 32, L]`."""

    @abc.abstractmethod
    def _path_ends(self) -> tuple[tf.Tensor, np.ndarray | None]:
        """The ends of the path: latents `[2, L]`, and labels `[2]` if the networks are conditional."""


class EncoderShapeSource(ShapeSource):
    """Reconstructions, shapes between real shapes, and a path between two real shapes.

    Samples of N(0, I) are not shown: by default samples come from a fitted prior, and N(0, I) can give nearly blank
    shapes in a model whose fitted prior gives good ones.

    Attributes:
        pictured: `[<= 8]`, indices of the real shapes that are reconstructed.
        path_ends: `[2]`, indices of the real shapes at α = 1 and at α = 0.
    """

    title = "between shapes"

    def __init__(
        self, encoder: Encoder, generator: Generator, voxels: np.ndarray, seed: int, labels: np.ndarray | None = None
    ) -> None:
        """Chooses the shapes.

        Args:
            encoder, generator: the averaged ones.
            voxels: `[B, R, R, R, 1]` float32 in {0, 1}, real shapes, the more the better.
            seed: of the points between shapes.
            labels: `[B]` int64, the classes of the shapes; None if the networks are not conditional.
        """
        self.pictured = np.linspace(0, len(voxels) - 1, min(_PICTURED, len(voxels))).astype(int)
        self._ends_of_path = [len(self.pictured) // 4, 3 * len(self.pictured) // 4]
        self.path_ends = self.pictured[self._ends_of_path]
        self._real = tf.constant(voxels[self.pictured])
        self._real_labels = None if labels is None else labels[self.pictured]
        ends = np.linspace(0, len(voxels) - 1, min(_SAMPLED, len(voxels))).astype(int)
        super().__init__(generator, voxels, None if labels is None else labels[ends])
        self._ends = tf.constant(voxels[ends])
        self._shares = tf.random.stateless_uniform((len(ends), 1), seed=(seed, 2))
        self._encode = tf.function(lambda real, of: encoder(real, of), autograph=False)

    def save_pictures(self, save_path: pathlib.Path, epoch: int, step: int) -> dict[str, pathlib.Path]:
        """See `ShapeSource.save_pictures`."""
        pictures = super().save_pictures(save_path, epoch, step)
        path = pictures["samples"].with_name("reconstructions.png")
        save_pairs(path, *self.pairs(), title=f"reconstructions, step {step}")
        return {**pictures, "reconstructions": path}

    def pairs(self) -> tuple[np.ndarray, np.ndarray]:
        """Real shapes and their reconstructions, `[<= 8, R, R, R]` float32 each."""
        means, _ = self._encode(self._real, self._real_labels)
        reconstructions = self._generate(means, self._real_labels)
        return self._real.numpy()[..., 0], reconstructions.numpy()[..., 0]

    def latent_moments(self) -> dict[str, np.ndarray]:
        """See `ShapeSource.latent_moments`."""
        mean, log_variance = self._encode(self._ends, self._labels)
        return {"latent_mean": mean.numpy(), "latent_log_variance": log_variance.numpy()}

    def _latents(self) -> tf.Tensor:
        """Points between each shape's latent and the next one's; they have the class of the first."""
        means, _ = self._encode(self._ends, self._labels)
        return interpolated(means, tf.roll(means, 1, axis=0), self._shares)

    def _path_ends(self) -> tuple[tf.Tensor, np.ndarray | None]:
        """Two of the reconstructed shapes, far apart in the records and from their ends."""
        means, _ = self._encode(self._real, self._real_labels)
        labels = None if self._real_labels is None else self._real_labels[self._ends_of_path]
        return tf.gather(means, self._ends_of_path), labels


class PriorShapeSource(ShapeSource):
    """Samples of a plain GAN's prior, and a path from the last sample to the first."""

    title = "samples"

    def __init__(
        self,
        generator: Generator,
        voxels: np.ndarray,
        seed: int,
        latent_deviation: float,
        labels: np.ndarray | None = None,
    ) -> None:
        """Draws the latents.

        Args:
            generator: the averaged one.
            voxels: `[B, R, R, R, 1]` float32 in {0, 1}, real shapes.
            seed: of the samples.
            latent_deviation: of the prior N(0, latent_deviation²).
            labels: `[B]` int64, the classes of the shapes; samples have them equally often. None if the networks are
                not conditional.
        """
        spread = np.arange(_SAMPLED) * len(voxels) // _SAMPLED
        super().__init__(generator, voxels, None if labels is None else labels[spread])
        noise = tf.random.stateless_normal((_SAMPLED, generator.latent_size), seed=(seed, 3))
        self._drawn = latent_deviation * noise

    def _latents(self) -> tf.Tensor:
        """The same draws each time."""
        return self._drawn

    def _path_ends(self) -> tuple[tf.Tensor, np.ndarray | None]:
        """The first and the last draw."""
        ends = [0, _SAMPLED - 1]
        return tf.gather(self._drawn, ends), None if self._labels is None else self._labels[ends]


def make_shape_source(
    networks: Networks, voxels: np.ndarray, seed: int, latent_deviation: float, labels: np.ndarray | None = None
) -> ShapeSource:
    """The source of shapes for a model.

    Args:
        networks: the averaged ones.
        voxels: `[B, R, R, R, 1]` float32 in {0, 1}, real shapes, the more the better.
        seed: of the latents.
        latent_deviation: of a plain GAN's prior.
        labels: `[B]` int64, the classes of the shapes; None if the networks are not conditional.
    """
    if networks.encoder is None:
        return PriorShapeSource(networks.generator, voxels, seed, latent_deviation, labels)
    return EncoderShapeSource(networks.encoder, networks.generator, voxels, seed, labels)


class ImageSummaries:
    """Writes pictures to the run folder, and pictures, histograms and meshes to TensorBoard."""

    def __init__(
        self, source: ShapeSource, log: TensorBoardLog, save_path: pathlib.Path, *, image_every: int, total_steps: int
    ) -> None:
        """Sets what is written, and how often.

        Args:
            source: generates the shapes.
            log: TensorBoard's; it gets pictures and meshes at most 50 times, and at the last step.
            save_path: the run folder; it gets all pictures.
            image_every: steps between two calls of `write`.
            total_steps: of the whole run.
        """
        self._source = source
        self._log = log
        self._save_path = save_path
        self._total_steps = total_steps
        count = total_steps // image_every
        self._shown_every = image_every * max(1, -(-count // MOST_SUMMARIES))

    def write(self, epoch: int, step: int) -> None:
        """Writes the summaries of a step.

        Args:
            epoch: epochs completed.
            step: steps taken.

        Raises:
            UserError: a file cannot be written.
        """
        pictures = self._source.save_pictures(self._save_path, epoch, step)
        self._log.write_histograms(step, self._source.latent_moments())
        if step % self._shown_every and step != self._total_steps:
            return
        for name, path in pictures.items():
            picture = tf.io.decode_png(_contents(path), channels=3)
            self._log.write_picture(name, step, picture.numpy())
        self._log.write_meshes("shapes", step, self._source.shapes()[:_MESHES])


def _contents(path: pathlib.Path) -> bytes:
    """The bytes of a file that was just written.

    Raises:
        UserError: the file is gone.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}; was the folder removed?") from error
