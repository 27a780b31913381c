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
# TensorBoard shows fewer of each; more would only swell its files, by up to 2 MB a look.
MOST_SUMMARIES = 50
_MESHES = 4


class Monitor(abc.ABC):
    """Generates shapes from the same places of the latent space at each look, so that looks can be compared."""

    def __init__(self, generator: Generator, voxels: np.ndarray, labels: np.ndarray | None) -> None:
        """Fixes what is looked at.

        Args:
            generator: the averaged one.
            voxels: `[B, R, R, R, 1]` float32 in {0, 1}, real shapes, the more the better.
            labels: `[<= 32]` int64, the classes of the generated shapes; None where the networks are not conditional.
        """
        self._labels = labels
        self._classes = generator.arguments.get("classes", 0)
        self._real_occupancy = float(tf.reduce_mean(occupancy(voxels)))
        self._generate = tf.function(lambda latents, labels: tf.sigmoid(generator(latents, labels)), autograph=False)

    def occupancy_ratio(self) -> float:
        """Mean occupancy of 32 generated shapes over that of the real shapes."""
        generated = self._generate(self._latents(), self._labels)
        return float(tf.reduce_mean(occupancy(generated))) / max(self._real_occupancy, 1e-9)

    def save_pictures(self, save_path: pathlib.Path, epoch: int, step: int) -> dict[str, pathlib.Path]:
        """Draws generated shapes, and originals over their reconstructions where there are any.

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
        """What lies between two latents, `[steps, R, R, R]` float32 probabilities, see the classes.

        Args:
            steps: values of α from 0, the second end, to 1, the first; 2 or more.
        """
        ends, labels = self._path_ends()
        shares = tf.linspace(0.0, 1.0, steps)[:, tf.newaxis]
        if labels is not None:
            first, second = tf.one_hot(labels, self._classes)
            labels = interpolated(first, second, shares)
        return self._generate(interpolated(ends[0], ends[1], shares), labels).numpy()[..., 0]

    def latent_moments(self) -> dict[str, np.ndarray]:
        """What the encoder says of real shapes, `[<= 32, L]` each: `latent_mean` and `latent_log_variance`.

        Returns:
            Both by name; nothing where there is no encoder.
        """
        return {}

    @property
    @abc.abstractmethod
    def title(self) -> str:
        """What the generated shapes are."""

    @abc.abstractmethod
    def _latents(self) -> tf.Tensor:
        """Where shapes are generated from, `[<= 32, L]`."""

    @abc.abstractmethod
    def _path_ends(self) -> tuple[tf.Tensor, np.ndarray | None]:
        """The ends of the path: latents `[2, L]`, and labels `[2]` where the networks are conditional."""


class ShapeMonitor(Monitor):
    """Looks at reconstructions, and between shapes.

    Not at samples of N(0, I): nothing is drawn from there by default, and where the posterior does not meet it they are
    nearly blank in a model whose samples of the fitted prior are sound. The path lies between two of the real shapes.

    Attributes:
        pictured: `[<= 8]`, which of the given real shapes are reconstructed.
        path_ends: `[2]`, which of the given real shapes the path goes to (α = 1) and comes from.
    """

    title = "between shapes"

    def __init__(
        self, encoder: Encoder, generator: Generator, voxels: np.ndarray, seed: int, labels: np.ndarray | None = None
    ) -> None:
        """Fixes what is looked at.

        Args:
            encoder, generator: the averaged ones.
            voxels: `[B, R, R, R, 1]` float32 in {0, 1}, real shapes, the more the better.
            seed: of the places between shapes.
            labels: `[B]` int64, the classes of the shapes; None where the networks are not conditional.
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
        """Draws both, see `Monitor.save_pictures`."""
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
        """See `Monitor.latent_moments`."""
        mean, log_variance = self._encode(self._ends, self._labels)
        return {"latent_mean": mean.numpy(), "latent_log_variance": log_variance.numpy()}

    def _latents(self) -> tf.Tensor:
        """Points on the lines from each shape's latent to the next one's; their class is that of the first."""
        means, _ = self._encode(self._ends, self._labels)
        return interpolated(means, tf.roll(means, 1, axis=0), self._shares)

    def _path_ends(self) -> tuple[tf.Tensor, np.ndarray | None]:
        """Two of the shapes that are reconstructed, far from both ends of the records and from each other."""
        means, _ = self._encode(self._real, self._real_labels)
        labels = None if self._real_labels is None else self._real_labels[self._ends_of_path]
        return tf.gather(means, self._ends_of_path), labels


class PriorMonitor(Monitor):
    """Looks at samples of a plain GAN's prior. The path goes from the last of them to the first."""

    title = "samples"

    def __init__(
        self,
        generator: Generator,
        voxels: np.ndarray,
        seed: int,
        latent_deviation: float,
        labels: np.ndarray | None = None,
    ) -> None:
        """Fixes what is looked at.

        Args:
            generator: the averaged one.
            voxels: `[B, R, R, R, 1]` float32 in {0, 1}, real shapes.
            seed: of the samples.
            latent_deviation: of the prior N(0, latent_deviation²).
            labels: `[B]` int64, the classes of the shapes, which samples have as often; None where the networks are not
                conditional.
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


def make_monitor(
    networks: Networks, voxels: np.ndarray, seed: int, latent_deviation: float, labels: np.ndarray | None = None
) -> Monitor:
    """The monitor that suits a model.

    Args:
        networks: the averaged ones.
        voxels: `[B, R, R, R, 1]` float32 in {0, 1}, real shapes, the more the better.
        seed: of the places that are looked at.
        latent_deviation: of a plain GAN's prior.
        labels: `[B]` int64, the classes of the shapes; None where the networks are not conditional.
    """
    if networks.encoder is None:
        return PriorMonitor(networks.generator, voxels, seed, latent_deviation, labels)
    return ShapeMonitor(networks.encoder, networks.generator, voxels, seed, labels)


class ImageSummaries:
    """Writes each look: pictures to the run folder, and pictures, histograms and meshes to TensorBoard."""

    def __init__(
        self, monitor: Monitor, log: TensorBoardLog, save_path: pathlib.Path, *, image_every: int, total_steps: int
    ) -> None:
        """Says what is looked at, and how often.

        Args:
            monitor: makes what is shown.
            log: TensorBoard's; it gets pictures and meshes of at most 50 looks, and the last.
            save_path: the run folder, which gets the pictures of all looks.
            image_every: steps between looks.
            total_steps: of the whole run.
        """
        self._monitor = monitor
        self._log = log
        self._save_path = save_path
        self._total_steps = total_steps
        looks = total_steps // image_every
        self._shown_every = image_every * max(1, -(-looks // MOST_SUMMARIES))

    def look(self, epoch: int, step: int) -> None:
        """Writes one look.

        Args:
            epoch: epochs completed.
            step: steps taken.

        Raises:
            UserError: a file cannot be written.
        """
        pictures = self._monitor.save_pictures(self._save_path, epoch, step)
        self._log.write_histograms(step, self._monitor.latent_moments())
        if step % self._shown_every and step != self._total_steps:
            return
        for name, path in pictures.items():
            picture = tf.io.decode_png(_contents(path), channels=3)
            self._log.write_picture(name, step, picture.numpy())
        self._log.write_meshes("shapes", step, self._monitor.shapes()[:_MESHES])


def _contents(path: pathlib.Path) -> bytes:
    """The bytes of a file that was just written.

    Raises:
        UserError: it is gone.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}; was the folder removed?") from error
