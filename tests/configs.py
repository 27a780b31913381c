"""A configuration of each kind, for tests to change with `dataclasses.replace`."""

import pathlib

from vae_gan3d.config import (
    ArithmeticConfig,
    DevicesConfig,
    EvaluateConfig,
    ExploreConfig,
    ExportConfig,
    InterpolateConfig,
    LossConfig,
    MapConfig,
    ModelConfig,
    NeighborsConfig,
    OptimizerConfig,
    ProgressiveConfig,
    ReadOptions,
    RecordsConfig,
    SampleConfig,
    ShapeFilesConfig,
    TrainingConfig,
    TuneConfig,
)

RUN = pathlib.Path("RUN")
RECORDS = RecordsConfig(pathlib.Path("D"), pathlib.Path("O"), workers=1)
MODEL = ModelConfig(32, 128, classes=("chair",), latent_layout="vector")
LOSS = LossConfig(kl_weight=3.0, adversarial_latents="prior")
OPTIMIZER = OptimizerConfig(5e-4, 5e-4, learning_rate_decay="none", learning_rate_warmup=0)
DEVICES = DevicesConfig()
TRAINING = TrainingConfig(MODEL, LOSS, OPTIMIZER, "R", save_path=RUN, checkpoint_every=10)
PROGRESSIVE = ProgressiveConfig(TRAINING, (16, 32))
TUNE = TuneConfig(TRAINING)
READING = ReadOptions()
FILES = ShapeFilesConfig()
INTERPOLATE = InterpolateConfig(RUN, "A.mat", "B.mat")
PATH = InterpolateConfig(RUN, shapes=("a.mat", "3"))
SAMPLE = SampleConfig(RUN)
EVALUATE = EvaluateConfig(RUN, "R")
EXPORT = ExportConfig(RUN, ("a.mat", "3"), ("", ""))
ARITHMETIC = ArithmeticConfig(RUN, ("1",), ("2",), ("3",))
NEIGHBORS = NeighborsConfig(RUN, "1", "R")
MAP = MapConfig(RUN, "R")
EXPLORE = ExploreConfig(RUN)
