"""What each stage of progressive growing trains. Needs no TensorFlow."""

import dataclasses

from vae_gan3d.config import ModelConfig, ProgressiveConfig, TrainingConfig
from vae_gan3d.training.run_folder import checkpoint_epochs, newest_step, read_model_config, stage_folder
from vae_gan3d.training.schedule import plan_schedule


def plan_stages(config: ProgressiveConfig, record_count: int) -> list[TrainingConfig]:
    """The runs of the stages, in order, each in a folder of its own.

    A stage of half the resolution has twice the base width, so that all its inner layers are as wide as the last
    stage's. The warm-ups of the adversarial term and of the KL term's weight are for the beginning of the first stage:
    what the first stages leave of the adversarial one passes to the next. Given files of weights begin the first stage.

    Args:
        config: the whole.
        record_count: shapes in the records.

    Returns:
        A configuration for each stage.

    Raises:
        UserError: the folder of a stage that was begun has no configuration that can be read.
    """
    stages: list[TrainingConfig] = []
    taken = 0
    folders = [stage_folder(config.training.save_path, resolution) for resolution in config.resolutions]
    begun = [folder for folder in folders if checkpoint_epochs(folder)]
    for resolution, epochs in zip(config.resolutions, config.epochs, strict=True):
        training = config.training
        loss, first = training.loss, not stages
        folder = stage_folder(training.save_path, resolution)
        # Of a stage from its start to its end, on these records.
        samples = training.train_steps * training.batch_size if training.train_steps else epochs * record_count
        loss = dataclasses.replace(
            loss,
            adversarial_warmup=max(0, loss.adversarial_warmup - taken),
            kl_warmup=loss.kl_warmup if first else 0,
        )
        stage = dataclasses.replace(
            training,
            model=_stage_model(config, resolution, 0 if first else samples),
            loss=loss,
            save_path=folder,
            logdir=stage_folder(training.logdir, resolution),
            epochs=epochs,
            weights=training.weights if first else {},
        )
        stages.append(stage)
        left_behind = newest_step(folder) if folder in begun[:-1] else None  # a later stage has grown out of it
        taken += left_behind[1] if left_behind else plan_schedule(stage, record_count).total_steps
    return stages


def _stage_model(config: ProgressiveConfig, resolution: int, samples: int) -> ModelConfig:
    """The networks of a stage that sees so many samples; 0 for the first stage, which fades from nothing."""
    last = config.training.model
    fade_samples = 0
    if samples:
        fade_samples = samples // 2 if config.fade_samples is None else config.fade_samples
        folder = stage_folder(config.training.save_path, resolution)
        if config.fade_samples is None and checkpoint_epochs(folder):
            fade_samples = read_model_config(folder).fade_samples  # so that more epochs do not fade it out again
    width = last.base_width * last.resolution // resolution
    return dataclasses.replace(last, resolution=resolution, base_width=width, fade_samples=fade_samples)
