"""The stages of progressive growing, one after the other (Karras et al. 2018)."""

from collections.abc import Sequence

from vae_gan3d.config import TrainingConfig
from vae_gan3d.data.record_set import RecordSet
from vae_gan3d.errors import UserError
from vae_gan3d.networks.build import grow
from vae_gan3d.training.checkpoints import restore_newest
from vae_gan3d.training.distribution import ONE_DEVICE, Distribution
from vae_gan3d.training.loop import AfterSave, train
from vae_gan3d.training.run_folder import checkpoint_epochs, checkpoint_prefix, newest_step
from vae_gan3d.training.schedule import plan_schedule
from vae_gan3d.training.state import TrainingState, build_state


def train_stage(
    stages: Sequence[TrainingConfig],
    number: int,
    records: RecordSet,
    after_save: AfterSave | None = None,
    distribution: Distribution = ONE_DEVICE,
) -> int:
    """Trains one stage to its end, or until Ctrl-C or SIGTERM; resumes what its run folder holds.

    Args:
        stages: see `stage_plan.plan_stages`.
        number: of the stage, from 0. A new stage begins with what the one before has learnt.
        records: the checked records.
        after_save, distribution: see `loop.train`.

    Returns:
        0, or 128 plus the signal's number where a signal stopped the run.

    Raises:
        UserError: the stage before has no checkpoint that can be read; else see `loop.train`.
    """
    stage = stages[number]
    print(f"stage {number + 1} of {len(stages)}: {stage.model.resolution}^3 in {stage.save_path}")
    if number == 0:
        return train(stage, records, after_save, distribution=distribution)
    return train(stage, records, after_save, lambda state: begin_with_stage(state, stages[number - 1]), distribution)


def begin_with_stage(state: TrainingState, before: TrainingConfig) -> None:
    """Gives networks and their averaged copies the weights of a stage of half the resolution.

    The optimizers begin anew.

    Args:
        state: of a new run; changed.
        before: the finished stage.

    Raises:
        UserError: it has no checkpoint that can be read.
    """
    small = build_state(before)
    epoch = restore_newest(small.checkpoint(), before.save_path)
    if epoch is None:
        raise UserError(f"{before.save_path} holds no checkpoint to grow out of: train that stage first")
    grow(small.networks, state.networks)
    grow(small.average, state.average)
    print(f"grown out of {checkpoint_prefix(before.save_path, epoch)}")


def first_unfinished(stages: Sequence[TrainingConfig], record_count: int) -> int:
    """The number of the stage that training goes on with.

    It is the last one that has a checkpoint, because what an earlier one would learn yet would reach no later one, or,
    where that one has taken all its steps, the stage after it.

    Args:
        stages: see `stage_plan.plan_stages`.
        record_count: shapes in the records.

    Returns:
        The number, from 0; that of the last stage also where that one is finished.
    """
    begun = [number for number, stage in enumerate(stages) if checkpoint_epochs(stage.save_path)]
    if not begun:
        return 0
    newest, stage = begun[-1], stages[begun[-1]]
    found = newest_step(stage.save_path)
    finished = found is not None and found[1] >= plan_schedule(stage, record_count, found).total_steps
    return min(newest + finished, len(stages) - 1)
