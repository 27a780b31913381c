"""Training that grows: all that can be refused is refused before TensorFlow is imported."""

import dataclasses
import os

from vae_gan3d.command_line import print_next
from vae_gan3d.config import ProgressiveConfig
from vae_gan3d.device_start import start_devices
from vae_gan3d.errors import UserError
from vae_gan3d.files import make_folder
from vae_gan3d.records.record_set import RecordSet, find_records
from vae_gan3d.run_start import (
    clear_after_a_yes,
    fit_prior_once,
    note_other_count,
    require_same_run,
    run_folders_held,
    warn_of_few_steps,
)
from vae_gan3d.tensorflow_start import memory_errors_in_one_line, start_tensorflow
from vae_gan3d.training import run_folder
from vae_gan3d.training.cluster import Cluster, choose_cluster, is_chief
from vae_gan3d.training.stage_plan import plan_stages


def train_progressively(config: ProgressiveConfig, *, verbose: bool) -> int:
    """Trains every stage that is not finished, each in `SAVE_PATH/stage-R`.

    Args:
        config: the stages.
        verbose: shows TensorFlow's own messages.

    Returns:
        The exit status: 0, or 128 plus a signal's number where training was stopped by one.

    Raises:
        UserError: something that the user can mend.
    """
    training = config.training
    records = find_records(training.records, training.split_name)
    note_other_count(training, records)
    model = dataclasses.replace(training.model, classes=records.classes)
    config = dataclasses.replace(config, training=dataclasses.replace(training, model=model))
    cluster = choose_cluster(training.devices, os.environ)
    with run_folders_held([training.save_path], writes=is_chief(cluster)):
        _refuse_other_runs(config)
        folders = [run_folder.stage_folder(training.save_path, resolution) for resolution in config.resolutions]
        with run_folders_held(folders, writes=is_chief(cluster)):
            return _train_stages(config, records, cluster, verbose=verbose)


def _train_stages(config: ProgressiveConfig, records: RecordSet, cluster: Cluster | None, *, verbose: bool) -> int:
    training = config.training
    if training.restart and is_chief(cluster):
        folders = [run_folder.stage_folder(training.save_path, resolution) for resolution in config.resolutions]
        clear_after_a_yes(training.save_path, folders, assume_yes=training.assume_yes)
    stages = plan_stages(config, records.count)
    for stage in stages:
        if is_chief(cluster) or not training.restart:
            require_same_run(stage)
        make_folder(stage.logdir)
    if is_chief(cluster):
        warn_of_few_steps(stages, records.count)
    distribution = start_devices(training, cluster, start_tensorflow, verbose=verbose)
    from vae_gan3d.training.stages import first_unfinished, train_stage

    with memory_errors_in_one_line():
        first = first_unfinished(stages, records.count)
        for number, stage in enumerate(stages):
            if number >= first:
                status = train_stage(stages, number, records, distribution=distribution)
                if status != 0:
                    return status
            # Of a stage that was stopped right at its end too.
            if training.model.kind != "gan" and distribution.is_chief:
                fit_prior_once(stage, records)
    if distribution.is_chief:
        print_next("test.py", "--phase=sample", f"--checkpoint={training.save_path}")
    return 0


def _refuse_other_runs(config: ProgressiveConfig) -> None:
    """Refuses a folder with a run without stages, or with other stages."""
    save_path = config.training.save_path
    if run_folder.checkpoint_epochs(save_path):
        raise UserError(f"{save_path} holds a run without stages: give another --save_path, or leave out --progressive")
    other = [stage for stage in run_folder.trained_stages(save_path) if stage not in config.resolutions]
    if other:
        raise UserError(
            f"{save_path} holds a stage of {other[0]}^3, which is none of --progressive="
            f"{','.join(map(str, config.resolutions))}: give the same stages, or another --save_path"
        )
