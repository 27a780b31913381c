"""What to make smaller where the memory does not suffice for training."""

from vae_gan3d.config import TrainingConfig


def memory_remedy(config: TrainingConfig) -> str:
    """The flags that decide how much memory a run needs, with their present values.

    Args:
        config: the run.
    """
    in_parts = f"raise --accumulate (now {config.devices.accumulate}), lower"
    return (
        f"{'lower' if config.model.normalization == 'batch' else in_parts} --batch_size (now {config.batch_size}), "
        f"--resolution (now {config.model.resolution}) or --base_width (now {config.model.base_width}); what was saved "
        "before is whole"
    )
