"""Copies a checkpoint without its training state: python -m vae_gan3d.evaluation.publish CHECKPOINT FOLDER

The copy has no optimizers and only the averaged weights: a quarter of the size. Training cannot continue from it.
"""

import dataclasses
import pathlib
import shutil
import sys
from collections.abc import Sequence

from vae_gan3d.command_line import OneLineParser, path_argument
from vae_gan3d.errors import UserError
from vae_gan3d.files import flush_folder, flush_to_disk, make_folder, scratch_folder, write_refused
from vae_gan3d.tensorflow_start import start_tensorflow
from vae_gan3d.training.checkpoint_files import (
    CHECKPOINT_STEM,
    checkpoint_epochs,
    checkpoint_prefix,
    index_sha256,
    prior_file,
)
from vae_gan3d.training.run_folder import CONFIG_NAME, find_checkpoint, read_checkpoint_model


def publish(checkpoint: pathlib.Path, folder: pathlib.Path) -> pathlib.Path:
    """Writes the averaged networks, the model's configuration and the prior of a checkpoint to a folder.

    Args:
        checkpoint: a checkpoint's prefix, or a run folder (its newest checkpoint).
        folder: a new folder, or one without checkpoints.

    Returns:
        The prefix of the new checkpoint.

    Raises:
        UserError: the checkpoint is missing or damaged, its prior is damaged or of another checkpoint, or the folder
            has checkpoints or is not writable.
    """
    from vae_gan3d.models.model import load_model
    from vae_gan3d.models.prior_choice import stored_prior
    from vae_gan3d.training.checkpoints import save_checkpoint
    from vae_gan3d.training.state import inference_checkpoint

    prefix = find_checkpoint(checkpoint)
    if checkpoint_epochs(folder):
        raise UserError(f"{folder} holds checkpoints already: give a new folder")
    model = load_model(prefix, read_checkpoint_model(prefix))
    refit = "remove it, and give test.py --phase=sample --records to fit it again"
    prior = stored_prior(prefix, model.config, remedy=refit)
    make_folder(folder)
    epoch = int(prefix.name.removeprefix(f"{CHECKPOINT_STEM}-"))
    try:
        with scratch_folder(folder) as aside:
            _copy(prefix.parent / CONFIG_NAME, aside / CONFIG_NAME)  # before the checkpoint, which repeats the model
            written = save_checkpoint(inference_checkpoint(model.networks), aside, epoch, keep=1)
            if prior is not None:
                dataclasses.replace(prior, checkpoint=index_sha256(written)).save(prior_file(written))
            # The index last: with it the checkpoint exists.
            for path in sorted(aside.iterdir(), key=lambda path: path.suffix == ".index"):
                path.replace(folder / path.name)
            flush_folder(folder)
    except OSError as error:
        raise write_refused(f"to {folder}", error) from error
    return checkpoint_prefix(folder, epoch)


def _copy(source: pathlib.Path, target: pathlib.Path) -> None:
    shutil.copyfile(source, target)
    flush_to_disk(target)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line.

    Args:
        arguments: the arguments of the command; None for those of the process.

    Returns:
        The exit status: 0, or 1 after an error message on stderr.
    """
    parser = OneLineParser(
        prog="python -m vae_gan3d.evaluation.publish",
        description="Copies a checkpoint without its training state.",
        allow_abbrev=False,
    )
    parser.add_argument("checkpoint", type=path_argument, help="prefix RUN/model.ckpt-N, or a run folder (its newest)")
    parser.add_argument("folder", type=path_argument, help="a new folder")
    try:
        options = parser.parse_args(arguments)
        start_tensorflow(verbose=False)
        written = publish(options.checkpoint, options.folder)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    size = sum(path.stat().st_size for path in options.folder.iterdir() if path.is_file())
    print(f"wrote {written}, with all files of its folder {size / 1e6:.1f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
