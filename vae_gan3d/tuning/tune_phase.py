"""`--phase=tune`: trial after trial, each in a process of its own. This process needs no TensorFlow."""

import dataclasses
import pathlib
import sys

from vae_gan3d.command_line import print_next
from vae_gan3d.config import TrainingConfig, TuneConfig
from vae_gan3d.errors import UserError
from vae_gan3d.files import make_folder
from vae_gan3d.progress import progress_bar
from vae_gan3d.records.record_set import RecordSet, find_records
from vae_gan3d.training.schedule import Schedule
from vae_gan3d.training.stop_request import stop_request
from vae_gan3d.tuning.objective import Objective
from vae_gan3d.tuning.results import BEST_NAME, best_trial, describe_trial, write_results
from vae_gan3d.tuning.study import open_study, require_optuna
from vae_gan3d.tuning.trial_runner import TrialFailed, TrialStopped
from vae_gan3d.wording import counted


def tune(config: TuneConfig) -> int:
    """Makes some more trials of a study, and writes its results after each.

    Args:
        config: of the study.

    Returns:
        0, or 128 plus the signal's number where a signal stopped it.

    Raises:
        UserError: Optuna or records are missing, the folder holds another study, or no trial was completed.
    """
    require_optuna()
    records = find_records(config.training.records, config.training.split_name)
    config = _with_held_out_records(config, records)
    make_folder(config.output_dir)
    study = open_study(config)
    before = len(study.get_trials(deepcopy=False))
    beginning = f"on from {counted(before, 'trial')}" if before else "a new study"
    print(
        f"{beginning} in {config.output_dir}: {counted(config.trials, 'trial')} of "
        f"{counted(config.trial_epochs, 'epoch')} at most on {counted(records.count, 'shape')}, by {config.objective}; "
        f"searched: {', '.join(config.search)}"
    )
    _note_what_has_no_effect(config, records)
    with stop_request("stopping this trial") as stop, progress_bar(total=config.trials, unit="trial") as bar:
        objective = Objective(config, stopping=lambda: bool(stop))
        for _ in range(config.trials):
            study.optimize(objective, n_trials=1, catch=(TrialFailed, TrialStopped))
            if objective.number is not None:
                ended = study.get_trials(deepcopy=False)[objective.number]
                bar.write(describe_trial(ended, config.objective), file=sys.stdout)
            write_results(study, config)
            bar.update()
            if stop:
                bar.write("stopped: the same command goes on from there", file=sys.stderr)
                return stop.exit_status
    best = best_trial(study)
    if best is None:
        raise UserError(f"no trial was completed: see trials.csv and the logs in {config.output_dir}")
    print(f"the best is trial {best.number}, {config.objective} {best.value:.4f}")
    print_next("train.py", f"--flagfile={config.output_dir / BEST_NAME}", "--save_path=RUN")
    return 0


def _with_held_out_records(config: TuneConfig, records: RecordSet) -> TuneConfig:
    """The configuration with the place of the held-out shapes, which must not be the training shapes."""
    place = config.held_out_records
    if not place:
        training = pathlib.Path(config.training.records)
        place = str(training if training.is_dir() else training.parent)
    held_out = find_records(place, config.held_out_split_name)
    if set(held_out.files) & set(records.files):
        raise UserError(
            f"{held_out.files[0]} holds the training shapes, and trials are judged by others: make records of the "
            "test shapes with create_tf_record.py --if_train=false, or give --held_out_records"
        )
    return dataclasses.replace(config, held_out_records=place)


def _note_what_has_no_effect(config: TuneConfig, records: RecordSet) -> None:
    run: TrainingConfig = config.training
    if config.objective == "iou" and {"kl_weight", "adversarial_weight"} & set(config.search):
        print(
            "note: --objective=iou measures reconstructions alone, which the KL and the adversarial term only make "
            "worse: give --objective=mmd to judge samples",
            file=sys.stderr,
        )
    steps = Schedule(records.count, run.batch_size, config.trial_epochs, 1).total_steps
    searched = {"d_learning_rate", "adversarial_weight"} & set(config.search)
    if searched and run.model.kind == "vae_gan" and steps <= run.loss.adversarial_warmup:
        print(
            f"note: {counted(steps, 'step')} of {run.batch_size} end before "
            f"--adversarial_warmup={run.loss.adversarial_warmup}, so {' and '.join(sorted(searched))} may "
            "change nothing: give a lower one, or more --trial_epochs",
            file=sys.stderr,
        )
