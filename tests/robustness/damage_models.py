"""A tiny run with two checkpoints that `tests.robustness.damage` damages, and what reading it gives."""

import dataclasses
import pathlib
import shutil

import numpy as np

from tests.robustness.damages import Subject, digest
from vae_gan3d.config import ModelConfig
from vae_gan3d.models.model import load_model
from vae_gan3d.models.prior_choice import choose_prior
from vae_gan3d.models.priors import GaussianMixture, MixturePrior
from vae_gan3d.training.checkpoint_files import (
    checkpoint_prefix,
    data_file,
    digest_file,
    index_file,
    index_sha256,
    prior_file,
)
from vae_gan3d.training.checkpoints import load_weight_files, restore_newest, save_checkpoint, save_weight_files
from vae_gan3d.training.run_folder import (
    find_checkpoint,
    read_checkpoint_model,
    require_same_run,
    weights_file,
    write_run_config,
)
from vae_gan3d.training.state import TrainingState

_MODEL = ModelConfig(16, 4, "default", 1, "none", "relu", ("chair", "lamp"))
_OTHER = ModelConfig(16, 4, "default", 2, "none", "relu", ("chair", "lamp"))
# A trial of training restores the variables of a whole run, one of a test phase chooses the checkpoint before.
_EVERY_RESTORED, _EVERY_CHOSEN = 48, 4
_OLDER, _NEWEST = 1, 2
_BATCH, _RECORDS = 4, 6


def write_runs(folder: pathlib.Path) -> None:
    """Writes a run with two checkpoints, a prior and files of weights; also its first checkpoint alone, and other runs.

    Args:
        folder: which exists.
    """
    for name, model, epochs in (("run", _MODEL, (_OLDER, _NEWEST)), ("other", _OTHER, (_NEWEST,))):
        run = folder / name
        run.mkdir()
        write_run_config(run, model, batch_size=_BATCH, record_count=_RECORDS)
        for epoch in epochs:
            state = _state(model, seed=epoch)
            state.step.assign(10 * epoch)
            save_checkpoint(state.checkpoint(), run, epoch, keep=2)
            if epoch == _OLDER:
                shutil.copytree(run, folder / "first")
        save_weight_files(state, run)
    for number, name in enumerate(("run", "other")):
        prefix = _newest(folder / name)
        dataclasses.replace(_prior(number), checkpoint=index_sha256(prefix)).save(prior_file(prefix))
    shutil.copytree(folder / "run", folder / "before_digests")
    for epoch in (_OLDER, _NEWEST):
        digest_file(checkpoint_prefix(folder / "before_digests", epoch)).unlink()


def model_subjects(folder: pathlib.Path) -> list[Subject]:
    """The files of `write_runs`, as training goes on from them and as the test phases read them."""
    run, other = folder / "run", folder / "other"
    resumed, tested, reader = _Resumed(), _Tested(), _Weights()
    config, prior, weights = run / "config.json", prior_file(_newest(run)), weights_file(run, "generator")
    others = [weights_file(run, "encoder"), weights_file(other, "generator")]
    return [
        *_checkpoint_subjects(folder, resumed, tested),
        Subject(
            "config.json, training", config, lambda: resumed.read(run), foreign=[other / config.name], named=str(run)
        ),
        Subject("config.json, test phases", config, lambda: tested.read(run), foreign=[other / config.name]),
        Subject("checkpoint, training", run / "checkpoint", lambda: resumed.read(run), foreign=[other / "checkpoint"]),
        Subject("prior", prior, lambda: _read_prior(_newest(run)), foreign=[prior_file(_newest(other))]),
        Subject("weights.h5", weights, lambda: reader.read(weights), foreign=others),
    ]


def _checkpoint_subjects(folder: pathlib.Path, resumed: "_Resumed", tested: "_Tested") -> list[Subject]:
    """Data, index and digests of the newest checkpoint, and of one that an older version wrote."""
    run, other, first, old = (folder / name for name in ("run", "other", "first", "before_digests"))
    older, newest = resumed.read(first), _newest(run)
    subjects = [
        Subject(f"{path.suffix}, {how}", path, read, from_first, foreign=_others(path, run, other), every=every)
        for how, read, from_first, every in (
            ("training", lambda: resumed.read(run), older, _EVERY_RESTORED),
            ("test phases", lambda: tested.read(run), tested.read(first), _EVERY_CHOSEN),
        )
        for path in _parts(run)
    ]
    subjects += [Subject(f"{path.suffix}, asked for", path, lambda: tested.read(newest)) for path in _parts(run)]
    return subjects + [
        Subject(
            f"{path.suffix} without digests, training",
            path,
            lambda: resumed.read(old),
            older,
            named=_newest(old).name,
            every=_EVERY_RESTORED,
        )
        for path in _parts(old)[:2]
    ]


class _Resumed:
    """Training goes on in a folder."""

    def __init__(self) -> None:
        self._state = _state(_MODEL, seed=9)

    def read(self, folder: pathlib.Path) -> str:
        """Every variable, and the epoch."""
        require_same_run(folder, _MODEL, batch_size=_BATCH)
        epoch = restore_newest(self._state.checkpoint(), folder)
        state = self._state
        variables = [variable for network in state.networks.by_name().values() for variable in network.variables]
        variables += [variable for pair in state.averaged_pairs() for variable in pair]
        variables += [*state.optimizer.variables, *state.d_optimizer.variables]
        return digest(epoch, state.steps_taken, *(variable.numpy() for variable in variables))


class _Tested:
    """A test phase reads a checkpoint, the older one, which nothing befalls, only once."""

    def __init__(self) -> None:
        self._older = ""

    def read(self, checkpoint: pathlib.Path) -> str:
        """Configuration and weights."""
        prefix = find_checkpoint(checkpoint)
        if prefix.name == f"model.ckpt-{_OLDER}" and self._older:
            return self._older
        model = read_checkpoint_model(prefix)
        networks = load_model(prefix, model).networks.by_name()
        arrays = [variable.numpy() for network in networks.values() for variable in network.variables]
        found = digest(prefix.name, model, *arrays)
        if prefix.name == f"model.ckpt-{_OLDER}":
            self._older = found
        return found


class _Weights:
    """A new run begins with a file of weights."""

    def __init__(self) -> None:
        self._state = _state(_MODEL, seed=9)

    def read(self, path: pathlib.Path) -> str:
        """The generator's variables."""
        load_weight_files(self._state, {"generator": path})
        return digest(*(variable.numpy() for variable in self._state.networks.generator.variables))


def _read_prior(prefix: pathlib.Path) -> str:
    prior = choose_prior("mixture", prefix, model=_MODEL, records=None).stored
    assert prior is not None  # a missing one is refused, because a mixture is asked for
    parts = [part for mixture in prior.fitted.values() for part in (mixture.weights, mixture.means, mixture.factors)]
    return digest(prior.classes, prior.counts, *parts)


def _newest(run: pathlib.Path) -> pathlib.Path:
    return checkpoint_prefix(run, _NEWEST)


def _parts(run: pathlib.Path) -> list[pathlib.Path]:
    return [data_file(run, _NEWEST), index_file(run, _NEWEST), digest_file(_newest(run))]


def _others(path: pathlib.Path, run: pathlib.Path, other: pathlib.Path) -> list[pathlib.Path]:
    """The same file of the older checkpoint, and of other networks."""
    return [run / path.name.replace(f"-{_NEWEST}.", f"-{_OLDER}.", 1), other / path.name]


def _state(model: ModelConfig, seed: int) -> TrainingState:
    return TrainingState(model.network_arguments(), learning_rate=1e-3, d_learning_rate=1e-3, beta1=0.5, seed=seed)


def _prior(seed: int) -> MixturePrior:
    random = np.random.default_rng(seed)
    mixtures = [
        GaussianMixture(
            np.full(2, 0.5, np.float32),
            random.standard_normal((2, _MODEL.latent_size)).astype(np.float32),
            np.tile(np.eye(_MODEL.latent_size, dtype=np.float32), (2, 1, 1)),
        )
        for _ in _MODEL.classes
    ]
    return MixturePrior(_MODEL.classes, (3, 3), tuple(mixtures))
