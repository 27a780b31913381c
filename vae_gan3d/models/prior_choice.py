"""Chooses the prior: the one asked for, the stored one, or one to fit. Does not import TensorFlow."""

import dataclasses
import pathlib
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from vae_gan3d.config import ModelConfig
from vae_gan3d.data.record_set import RecordSet
from vae_gan3d.errors import UserError
from vae_gan3d.models.priors import REFIT, LatentPrior, MixturePrior, NormalPrior, WrongPriorError, load_prior
from vae_gan3d.training.checkpoint_files import index_sha256, prior_file
from vae_gan3d.training.run_folder import CONFIG_NAME

if TYPE_CHECKING:
    from vae_gan3d.models.model import Model


@dataclasses.dataclass(frozen=True, eq=False)
class PriorChoice:
    """A stored mixture, records to fit a mixture to, or neither: the normal prior of the model.

    Attributes:
        stored: the mixture stored beside the checkpoint.
        records: the training records to fit a mixture to.
    """

    stored: MixturePrior | None = None
    records: RecordSet | None = None

    def load(self, prefix: pathlib.Path, model: "Model", *, seed: int) -> LatentPrior:
        """The prior; fits and stores it if that was chosen.

        Args:
            prefix: of the checkpoint.
            model: restored from it.
            seed: of the fit.

        Raises:
            UserError: see `prior_fitting.fit_and_store_prior`.
        """
        if self.stored is not None:
            return self.stored
        if self.records is None:
            return normal_prior(model.config)
        from vae_gan3d.models.prior_fitting import fit_and_store_prior

        return fit_and_store_prior(prefix, model, self.records, seed=seed)


def choose_prior(
    asked: str | None,
    prefix: pathlib.Path,
    *,
    model: ModelConfig,
    records: RecordSet | None,
    classes: Sequence[str] | None = None,
    records_flag: str = "--records",
) -> PriorChoice:
    """Chooses the prior.

    Args:
        asked: `normal`, `mixture`, or None: a mixture if one is stored or can be fitted, else N(0, I) with a note. A
            plain GAN has no encoder to fit a mixture with, and always uses its normal prior.
        prefix: of the checkpoint.
        model: its configuration.
        records: the training records, or None.
        classes: the classes to draw from; None for all.
        records_flag: the flag of the phase that gives `records`.

    Raises:
        UserError: the stored prior is damaged or of another model, there is no mixture and there are no records to fit
            one, or a class is unknown.
    """
    if model.kind == "gan":
        _refuse_what_needs_an_encoder(asked, prefix, None if model.conditional else classes)
    if model.kind == "gan" or asked == "normal":
        normal_prior(model).require_classes(classes or ())
        return PriorChoice()
    again = f"give {records_flag} to fit it again" if records is None else "the same command fits it again"
    stored = stored_prior(prefix, model, remedy=f"remove it, and {again}")
    if stored is not None:
        stored.require_classes(classes or ())
        return PriorChoice(stored=stored)
    if records is not None:
        require_known_classes(model, records.classes)
        for name in classes or ():
            if name not in records.classes:
                raise UserError(f"--classes={name}: the records hold {', '.join(records.classes)}: give one of these")
        return PriorChoice(records=records)
    path = prior_file(prefix)
    if asked == "mixture" or (classes is not None and not model.conditional):
        raise UserError(f"{path} is missing: give {records_flag} of the training shapes to fit the prior")
    normal_prior(model).require_classes(classes or ())
    print(
        f"note: {path} is missing, so samples come from N(0, I): give {records_flag} of the training shapes to fit the "
        "mixture prior, which is better",
        file=sys.stderr,
    )
    return PriorChoice()


def stored_prior(prefix: pathlib.Path, model: ModelConfig, *, remedy: str = REFIT) -> MixturePrior | None:
    """The mixture stored beside a checkpoint.

    Args:
        prefix: of the checkpoint.
        model: its configuration.
        remedy: end of an error message: what to do.

    Returns:
        The mixture; None if there is no file.

    Raises:
        WrongPriorError: the file is damaged, or was fitted to another checkpoint.
        UserError: a newer version wrote the file, or the model does not know its classes.
    """
    path = prior_file(prefix)
    if not path.is_file():
        return None
    stored = load_prior(path, remedy=remedy)
    if stored.latent_size != model.latent_size:
        config = path.parent / CONFIG_NAME
        sizes = f"has latent size {stored.latent_size}, and the model of {config} has {model.latent_size}"
        raise WrongPriorError(f"{path} {sizes}: put the files of one run together, or {remedy}")
    if stored.checkpoint and stored.checkpoint != index_sha256(prefix):
        raise WrongPriorError(f"{path} was fitted to the latents of another checkpoint than {prefix.name}: {remedy}")
    require_known_classes(model, stored.classes)
    return stored


def normal_prior(model: ModelConfig) -> NormalPrior:
    """The normal prior of a model; with classes if the model is conditional."""
    return NormalPrior(model.latent_size, model.latent_deviation, model.known_classes)


def require_known_classes(model: ModelConfig, classes: Sequence[str]) -> None:
    """Checks that a conditional model knows these classes. Another model takes any class.

    Args:
        model: the model's configuration.
        classes: class names.

    Raises:
        UserError: the model does not know a class.
    """
    for name in classes:
        if model.conditional and name not in model.classes:
            raise UserError(
                f"the model was trained with --conditional on {', '.join(model.classes)}, and there are shapes of "
                f"class {name}: give shapes of these classes, in records that know them"
            )


def _refuse_what_needs_an_encoder(asked: str | None, prefix: pathlib.Path, classes: Sequence[str] | None) -> None:
    """Raises UserError if a plain GAN is asked for a mixture, or for classes that need one."""
    if asked == "mixture" or classes is not None:
        flag = "--prior=mixture" if asked == "mixture" else f"--classes={','.join(classes or ())}"
        raise UserError(
            f"{flag} needs a mixture fitted to an encoder's latents, and {prefix} is of a plain GAN, which has none: "
            "leave it out, and samples are drawn from the GAN's own prior"
        )
