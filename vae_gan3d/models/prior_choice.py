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
        asked: `normal`, `mixture`, or None: a mixture where one is stored or can be fitted, else N(0, I) with a note;
            for a plain GAN, whose latents nothing can be fitted to, its own normal prior.
        prefix: of the checkpoint.
        model: its configuration.
        records: the training records, or None where they are not known.
        classes: the classes that will be drawn of; None for all.
        records_flag: what the phase calls the flag that gives `records`.

    Returns:
        The choice.

    Raises:
        UserError: the stored prior is damaged or of another model, a mixture is needed and there is none and nothing to
            fit it on, or a class is not known.
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
        raise UserError(f"{path} is missing: give {records_flag} of the training shapes, and the prior is fitted now")
    normal_prior(model).require_classes(classes or ())
    print(
        f"note: {path} is missing, so samples are drawn from N(0, I): give {records_flag} of the training shapes to "
        "fit the better mixture",
        file=sys.stderr,
    )
    return PriorChoice()


def stored_prior(prefix: pathlib.Path, model: ModelConfig, *, remedy: str = REFIT) -> MixturePrior | None:
    """The mixture that lies beside a checkpoint.

    Args:
        prefix: of the checkpoint.
        model: its configuration.
        remedy: what to do where it cannot be used, the end of an error's line.

    Returns:
        The mixture, or None.

    Raises:
        WrongPriorError: it is damaged, or was fitted to the latents of another checkpoint.
        UserError: a newer version wrote it, or it is of classes that the model does not know.
    """
    path = prior_file(prefix)
    if not path.is_file():
        return None
    stored = load_prior(path, remedy=remedy)
    if stored.latent_size != model.latent_size:
        config = path.parent / CONFIG_NAME
        sizes = f"is of latent size {stored.latent_size}, and the model that {config} describes of {model.latent_size}"
        raise WrongPriorError(f"{path} {sizes}: put the files of one run together, or {remedy}")
    if stored.checkpoint and stored.checkpoint != index_sha256(prefix):
        raise WrongPriorError(f"{path} was fitted to the latents of another checkpoint than {prefix.name}: {remedy}")
    require_known_classes(model, stored.classes)
    return stored


def normal_prior(model: ModelConfig) -> NormalPrior:
    """The normal prior of a model, with its classes where it is conditional."""
    return NormalPrior(model.latent_size, model.latent_deviation, model.known_classes)


def require_known_classes(model: ModelConfig, classes: Sequence[str]) -> None:
    """Refuses classes that a conditional model was not trained on; any model that is not conditional takes them all.

    Args:
        model: the model's configuration.
        classes: names, of records or of a prior.

    Raises:
        UserError: one of them is not the model's.
    """
    for name in classes:
        if model.conditional and name not in model.classes:
            raise UserError(
                f"the model was trained with --conditional on {', '.join(model.classes)}, and there are shapes of "
                f"class {name}: give shapes of these classes, in records that know them"
            )


def _refuse_what_needs_an_encoder(asked: str | None, prefix: pathlib.Path, classes: Sequence[str] | None) -> None:
    """Refuses a mixture, and classes, which only a mixture knows.

    Raises:
        UserError: one of them is asked for.
    """
    if asked == "mixture" or classes is not None:
        flag = "--prior=mixture" if asked == "mixture" else f"--classes={','.join(classes or ())}"
        raise UserError(
            f"{flag} needs a mixture fitted to an encoder's latents, and {prefix} is of a plain GAN, which has none: "
            "leave it out, and samples are drawn from the GAN's own prior"
        )
