"""`--init_from`: the checkpoint of another run whose weights a new run starts from. Needs no TensorFlow."""

import dataclasses
import pathlib
from collections.abc import Mapping
from typing import Any

from vae_gan3d.config import ModelConfig
from vae_gan3d.config.fields import field_flags
from vae_gan3d.errors import UserError
from vae_gan3d.shipped import find_shipped
from vae_gan3d.training.checkpoint_files import index_sha256
from vae_gan3d.training.run_folder import find_checkpoint, read_checkpoint_model

# What a new run chooses itself: its classes, its prior, and whether new layers fade in.
_OWN = ("classes", "latent_deviation", "fade_samples")


@dataclasses.dataclass(frozen=True)
class Source:
    """A checkpoint that a new run starts from.

    Attributes:
        prefix: of the checkpoint, such as `RUN/model.ckpt-40`.
        model: its networks.
    """

    prefix: pathlib.Path
    model: ModelConfig

    def describe(self) -> dict[str, str]:
        """What `config.json` says of it: the names of its folder and of the checkpoint, and the sha256 of its index.

        Raises:
            UserError: the index cannot be read.
        """
        return {
            "checkpoint": f"{self.prefix.parent.name}/{self.prefix.name}",
            "index_sha256": index_sha256(self.prefix),
        }


def find_source(init_from: pathlib.Path) -> Source:
    """Finds the checkpoint that `--init_from` names.

    Args:
        init_from: a run folder (its newest checkpoint), a prefix such as `RUN/model.ckpt-40`, a published model, or
            `pretrained`.

    Returns:
        The checkpoint and its networks.

    Raises:
        UserError: there is none, or it is damaged.
    """
    try:
        prefix = find_checkpoint(find_shipped(init_from))
        return Source(prefix, read_checkpoint_model(prefix))
    except UserError as error:
        raise UserError(f"--init_from={init_from}: {error}") from error


def inherited_values(model: ModelConfig) -> dict[str, Any]:
    """The fields that a new run takes from these networks where its flags do not give them.

    A VAE and a VAE-GAN have the same networks, so which of the two it is belongs to the new run.
    """
    names = [field.name for field in dataclasses.fields(ModelConfig) if field.metadata.get("flags")]
    return {name: getattr(model, name) for name in names if name != "kind" or model.kind == "gan"}


def require_same_networks(init_from: pathlib.Path, source: ModelConfig, asked: Mapping[str, Any]) -> None:
    """Refuses other networks than those of the checkpoint.

    Args:
        init_from: as the user gave it, for the message.
        source: the networks of the checkpoint.
        asked: fields of `ModelConfig` by name, all or those that the user gave.

    Raises:
        UserError: the line names the flags that differ, with both values.
    """
    theirs = dataclasses.asdict(source)
    differing = [
        name
        for name, value in asked.items()
        if name not in _OWN and value != theirs[name] and not (name == "kind" and "gan" not in (value, theirs[name]))
    ]
    if not differing:
        return
    there, here = (" ".join(_as_flag(name, values[name]) for name in differing) for values in (theirs, asked))
    raise UserError(f"--init_from={init_from} has {there}, and this run {here}: give the same, or another --init_from")


def require_source(init_from: pathlib.Path, model: ModelConfig, save_path: pathlib.Path) -> Source:
    """Finds the checkpoint of `--init_from`, and refuses one that a new run cannot start from.

    Args:
        init_from: see `find_source`.
        model: the networks of the new run.
        save_path: the folder of the new run.

    Returns:
        The checkpoint.

    Raises:
        UserError: there is none, it is of other networks, or it lies in the folder of the new run.
    """
    source = find_source(init_from)
    if source.prefix.parent.resolve() == save_path.resolve():
        raise UserError(
            f"--init_from={init_from} lies in the run folder itself, which a new run would replace: give another "
            "--save_path"
        )
    require_same_networks(init_from, source.model, dataclasses.asdict(model))
    return source


def _as_flag(name: str, value: Any) -> str:  # noqa: ANN401 (of any type)
    """A field of `ModelConfig` as its flag, such as `--base_width=16` or `--noconditional`."""
    if name == "spectral_normalization":
        return f"{'' if value else 'no '}--adversarial_loss=hinge"
    (field,) = (field for field in dataclasses.fields(ModelConfig) if field.name == name)
    flag = field_flags(field)[""].name
    if isinstance(value, bool):
        return f"--{'' if value else 'no'}{flag}"
    return f"--{flag}={value:g}" if isinstance(value, float) else f"--{flag}={value}"
