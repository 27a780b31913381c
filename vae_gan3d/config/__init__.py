"""What each phase needs, as frozen dataclasses that refuse bad values when they are built."""

from vae_gan3d.config.checkpoint_phases import INTERPOLATIONS, PRIORS, EvaluateConfig, SampleConfig, TestConfig
from vae_gan3d.config.devices import STRATEGIES, DevicesConfig
from vae_gan3d.config.explore import ExploreConfig
from vae_gan3d.config.export import COMPONENTS, FORMATS, GRID_FORMATS, MESH_FORMATS, ExportConfig, ShapeFilesConfig
from vae_gan3d.config.latent_tools import MAPS, ArithmeticConfig, MapConfig, NeighborsConfig
from vae_gan3d.config.model import (
    ACTIVATIONS,
    ARCHITECTURE_DEFAULTS,
    ARCHITECTURES,
    LATENT_LAYOUTS,
    MODELS,
    NORMALIZATIONS,
    ModelConfig,
    require_resolution,
)
from vae_gan3d.config.progressive import ProgressiveConfig
from vae_gan3d.config.records import RUNNERS, RecordsConfig
from vae_gan3d.config.training import (
    ADVERSARIAL_LATENTS,
    ADVERSARIAL_LOSSES,
    LEARNING_RATE_DECAYS,
    MIRROR_AXES,
    OPTIMIZERS,
    PRECISIONS,
    RECONSTRUCTION_LOSSES,
    LossConfig,
    OptimizerConfig,
    TrainingConfig,
)
from vae_gan3d.config.tuning import OBJECTIVES, SEARCHABLE, TuneConfig

__all__ = [
    "ACTIVATIONS",
    "ADVERSARIAL_LATENTS",
    "ADVERSARIAL_LOSSES",
    "ARCHITECTURES",
    "ARCHITECTURE_DEFAULTS",
    "COMPONENTS",
    "FORMATS",
    "GRID_FORMATS",
    "INTERPOLATIONS",
    "LATENT_LAYOUTS",
    "LEARNING_RATE_DECAYS",
    "MAPS",
    "MESH_FORMATS",
    "MIRROR_AXES",
    "MODELS",
    "NORMALIZATIONS",
    "OBJECTIVES",
    "OPTIMIZERS",
    "PRECISIONS",
    "PRIORS",
    "RECONSTRUCTION_LOSSES",
    "RUNNERS",
    "SEARCHABLE",
    "STRATEGIES",
    "ArithmeticConfig",
    "DevicesConfig",
    "EvaluateConfig",
    "ExploreConfig",
    "ExportConfig",
    "LossConfig",
    "MapConfig",
    "ModelConfig",
    "NeighborsConfig",
    "OptimizerConfig",
    "ProgressiveConfig",
    "RecordsConfig",
    "SampleConfig",
    "ShapeFilesConfig",
    "TestConfig",
    "TrainingConfig",
    "TuneConfig",
    "require_resolution",
]
