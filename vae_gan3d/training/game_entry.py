"""When the discriminator enters a run, and what its steps cost."""

from vae_gan3d.config import TrainingConfig

# Measured at 32^3 on 2 CPU cores: 2.0 to 2.3 times as long as a step without the game.
PLAYING_STEP_COST = 2.3
ENTRY_LINE = "the discriminator enters: a step takes two to three times as long"


def game_begins(config: TrainingConfig) -> bool:
    """Whether the discriminator enters in the midst of a run; a plain GAN's plays from the first step on."""
    return config.model.kind != "gan" and config.loss.adversarial_weight > 0


def step_costs(config: TrainingConfig) -> list[tuple[int, float]]:
    """Where steps become dearer and how much, as `progress_bar` takes it."""
    return [(0, 1.0), *([(config.loss.adversarial_warmup, PLAYING_STEP_COST)] if game_begins(config) else [])]


def entry_note(config: TrainingConfig, *, step: int, total_steps: int) -> str | None:
    """What to expect of the discriminator in a run that goes on from a step.

    Args:
        config: the run.
        step: steps that were taken.
        total_steps: of the whole run.

    Returns:
        One line, or None where it plays from the next step on, or never is to.
    """
    warmup = config.loss.adversarial_warmup
    if not game_begins(config) or step >= warmup:
        return None
    if total_steps <= warmup:
        return (
            f"note: these steps end before --adversarial_warmup={warmup}: the discriminator never enters, and this "
            "trains a VAE"
        )
    return (
        f"note: from step {warmup} on the discriminator plays, and a step takes longer: the time left reckons with "
        f"{PLAYING_STEP_COST} times until then"
    )
