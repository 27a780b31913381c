"""The numbers that a step returns, in their order, whatever the model."""

# Of the game between generator and discriminator; these come last.
ADVERSARIAL_METRICS = (
    "generator_loss",
    "discriminator_loss",
    "discriminator_accuracy",
    "adversarial_factor",
    "r1_penalty",
    "gradient_penalty",
    "d_gradient_norm",
)
# A number that a model lacks, or that was not measured in a step, is NaN; of a step that was skipped all are.
STEP_METRICS = ("reconstruction_loss", "kl", "iou", "gradient_norm", *ADVERSARIAL_METRICS)
