"""Flags of `--phase=tune`."""

import sys

from absl import flags as absl_flags

from flags import common, devices, model, places, progressive, training
from flags.flag_files import define_path
from flags.help import flag_aliases, names_given
from vae_gan3d.checks import require
from vae_gan3d.config import OBJECTIVES, SEARCHABLE, TuneConfig

FLAGS = absl_flags.FLAGS
TITLE = "Tuning"
# Of a trial they are its own, or nobody's.
_NOT_OF_A_RUN = ("save_path", "logdir", "restart", "yes", "len_data", "strategy", "listen")
_OF_OTHER_GROUPS = ("resolution", "split_name", "seed")

absl_flags.DEFINE_integer("trials", 20, "How many more trials are made.")
absl_flags.DEFINE_integer("trial_epochs", 20, "The epoch that a trial trains up to.")
absl_flags.DEFINE_float("trial_minutes", 0.0, "The longest time that a trial trains; 0 for any.")
absl_flags.DEFINE_string(
    "search",
    "learning_rate,batch_size,activation,base_width",
    f"A comma list of what is varied: {', '.join(SEARCHABLE)}.",
)
absl_flags.DEFINE_enum(
    "objective",
    "iou",
    tuple(OBJECTIVES),
    "What trials are judged by, on held-out shapes: iou of reconstructions; of samples coverage, mmd, one_nna or jsd.",
)
define_path("held_out_records", None, "The shapes that trials are judged by [default: those beside --records].")
absl_flags.DEFINE_string("held_out_split_name", "test", "Which set of a folder of held-out records is read.")


def tune_config() -> TuneConfig:
    """The study that the flags describe.

    Raises:
        UserError: a flag is missing or holds a bad value.
    """
    progressive.refuse_stages("tune")
    _refuse_what_a_trial_cannot()
    return TuneConfig(
        training=training.training_config(),
        base_flags=tuple(_given_flags()),
        output_dir=common.given_path(FLAGS.output_dir, places.save_path() / "tuning"),
        held_out_records=FLAGS.held_out_records or "",
        held_out_split_name=FLAGS.held_out_split_name,
        search=common.comma_list(FLAGS.search),
        objective=FLAGS.objective,
        trials=FLAGS.trials,
        trial_epochs=FLAGS.trial_epochs,
        trial_minutes=FLAGS.trial_minutes,
    )


def _refuse_what_a_trial_cannot() -> None:
    """Refuses several devices, a length in steps, and parts of a batch whose size is searched.

    Raises:
        UserError: one was asked for.
    """
    require(
        FLAGS.strategy in ("auto", "single"),
        f"--strategy={FLAGS.strategy} is not for --phase=tune, where each trial trains on one device: leave it out",
    )
    require(
        "train_steps" not in names_given(sys.argv[1:]),
        f"--train_steps={FLAGS.train_steps} is not for --phase=tune, whose trials end by epochs: give --trial_epochs",
    )
    require(
        FLAGS.accumulate == 1 or "batch_size" not in common.comma_list(FLAGS.search),
        f"--accumulate={FLAGS.accumulate} needs a batch of a known size: leave batch_size out of --search",
    )


def _given_flags() -> list[str]:
    """The flags of a run that are not as they are by themselves, as lines of a file of flags."""
    by_module, aliases = FLAGS.flags_by_module_dict(), flag_aliases()
    names = [flag.name for group in (model, places, training, devices) for flag in by_module[group.__name__]]
    chosen = [FLAGS[name] for name in (*names, *_OF_OTHER_GROUPS) if name not in aliases and name not in _NOT_OF_A_RUN]
    return [flag.serialize() for flag in chosen if flag.value != flag.default]
