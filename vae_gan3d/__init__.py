"""vae_gan3d: a VAE-3D-GAN for voxel shapes on TensorFlow.

    import vae_gan3d

    model = vae_gan3d.load("pretrained")
    shapes = model.sample(8, classes="chair", seed=0)  # [8, 32, 32, 32] float32 in [0, 1]
    chair = vae_gan3d.read_shape("chair.obj", resolution=model.resolution)
    path = model.interpolate(chair, shapes[0], steps=7)
    vae_gan3d.write_shape("path3.stl", path[3], size_mm=80)

docs/PYTHON.md has recipes. Importing the package imports neither TensorFlow nor NumPy; the functions do.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vae_gan3d.api import create_records, evaluate, load, read_shape, train, write_shape
    from vae_gan3d.config import (
        DevicesConfig,
        EvaluateConfig,
        LossConfig,
        ModelConfig,
        OptimizerConfig,
        ProgressiveConfig,
        ReadOptions,
        RecordsConfig,
        TrainingConfig,
    )
    from vae_gan3d.errors import UserError as Error
    from vae_gan3d.models.model import Model

__version__ = "0.1.0"
__all__ = [
    "DevicesConfig",
    "Error",
    "EvaluateConfig",
    "LossConfig",
    "Model",
    "ModelConfig",
    "OptimizerConfig",
    "ProgressiveConfig",
    "ReadOptions",
    "RecordsConfig",
    "TrainingConfig",
    "create_records",
    "evaluate",
    "load",
    "read_shape",
    "train",
    "write_shape",
]


def __getattr__(name: str) -> Any:  # noqa: ANN401 (of a module)
    """Imports what is used, so that `import vae_gan3d` takes no time."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name == "Error":
        return importlib.import_module("vae_gan3d.errors").UserError
    if name == "Model":
        return importlib.import_module("vae_gan3d.models.model").Model
    return getattr(
        importlib.import_module("vae_gan3d.config" if name.endswith(("Config", "Options")) else "vae_gan3d.api"), name
    )


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
