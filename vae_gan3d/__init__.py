"""vae_gan3d: a VAE-3D-GAN for voxel shapes on TensorFlow.

    import vae_gan3d

    model = vae_gan3d.load("pretrained")
    shapes = model.sample(8, "chair")  # [8, 32, 32, 32] probabilities
    latents = model.encode(shapes > 0.5)

Importing the package does not import TensorFlow; `load` does.
"""

import os
import pathlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vae_gan3d.models.model import Model

__version__ = "0.1.0"
__all__ = ["Model", "load"]


def load(path: "str | os.PathLike[str]") -> "Model":
    """Loads a trained model.

    Args:
        path: a run folder (its newest checkpoint), a checkpoint prefix such as `RUN/model.ckpt-40`, or `pretrained`,
            the model that comes with the package.

    Returns:
        The model.

    Raises:
        UserError: there is no checkpoint, or it is damaged. One line with a remedy.
    """
    from vae_gan3d.shipped import find_shipped
    from vae_gan3d.tensorflow_start import start_tensorflow  # everything here is slow to import
    from vae_gan3d.training.run_folder import find_checkpoint, read_checkpoint_model

    prefix = find_checkpoint(find_shipped(pathlib.Path(path)))
    config = read_checkpoint_model(prefix)
    start_tensorflow(verbose=False)
    from vae_gan3d.models.model import load_model

    return load_model(prefix, config)


def __getattr__(name: str) -> Any:  # noqa: ANN401 (of a module)
    if name == "Model":
        from vae_gan3d.models.model import Model  # imports TensorFlow

        return Model
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
