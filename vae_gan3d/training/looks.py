"""What a run shows every `--image_every` steps: pictures, histograms of latents, shapes to turn."""

import pathlib

import tensorflow as tf

from vae_gan3d.errors import UserError
from vae_gan3d.training.monitor import Monitor
from vae_gan3d.training.tensorboard_log import TensorBoardLog

# TensorBoard shows fewer of each; more would only swell its files, by up to 2 MB a look.
MOST_LOOKS = 50
_MESHES = 4


class Looks:
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
        self._shown_every = image_every * max(1, -(-looks // MOST_LOOKS))

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
