"""Writers of single files, for `tests.robustness.kills`. Does not import TensorFlow."""

import io
import pathlib
import sqlite3
import tempfile
from typing import TYPE_CHECKING

import numpy as np
import scipy.io

import vae_gan3d
from tests.robustness.writers import Found, Writer, digest, read_bytes
from vae_gan3d.config import ModelConfig, ShapeFilesConfig
from vae_gan3d.config.shapes import DEFAULT_READING
from vae_gan3d.data.manifest import Manifest, Shard, write_manifest
from vae_gan3d.data.shape_files import write_shape
from vae_gan3d.demo_shapes import write_demo_shapes
from vae_gan3d.evaluation.results import write_metrics
from vae_gan3d.explorer.app import mesh_file, read_upload
from vae_gan3d.files import remove_leftovers
from vae_gan3d.models.priors import GaussianMixture, MixturePrior
from vae_gan3d.training.run_folder import write_run_config
from vae_gan3d.viewing.page import ReportData, ShownSamples, save_report
from vae_gan3d.viewing.plots import save_scatter, save_training_plots
from vae_gan3d.viewing.sheets import save_sheet, save_turntable

if TYPE_CHECKING:
    import optuna

_SIDE = 16


def box(turn: int) -> np.ndarray:
    """A box of one of two sizes, `[16, 16, 16]` uint8."""
    grid = np.zeros((_SIDE,) * 3, np.uint8)
    grid[3 : 9 + turn, 3:9, 3:9] = 1
    return grid


def _write_texts(folder: pathlib.Path, _: pathlib.Path, turn: int) -> None:
    model = ModelConfig(_SIDE, 4 + turn, "default", 8, "group", "relu", ("chair",))
    write_run_config(folder, model, batch_size=4, record_count=9, run=str(turn))
    write_metrics(folder / "metrics.json", {"iou": 0.25 * turn, "worst": list(range(2000))})
    shards = tuple(Shard(f"train-{number:05d}-of-00100.tfrecords", turn, 9, "0" * 64) for number in range(100))
    write_manifest(folder / "train.json", Manifest("train", _SIDE, ("chair",), shards, (), vae_gan3d.__version__))


def _write_page(folder: pathlib.Path, _: pathlib.Path, turn: int) -> None:
    samples = ShownSamples("boxes", np.stack([box(turn) > 0] * 8), ())
    curves = {"iou": [(step, step / 1000) for step in range(600 + turn)]}
    save_report(
        folder / "report.html",
        ReportData(
            title="boxes",
            summary=f"epoch {turn}",
            curves=curves,
            samples=samples,
            pairs=None,
            path=None,
            measures=(),
            measures_note="",
            flags={"seed": str(turn)},
        ),
    )


def _write_pictures(folder: pathlib.Path, _: pathlib.Path, turn: int) -> None:
    grids = [box(turn)] * 2
    save_sheet(folder / "samples.png", grids, columns=2)
    save_turntable(folder / "samples.gif", grids, columns=2, size=32, views=4)
    save_training_plots(folder, {"iou": [(1, 0.1), (2, 0.2 + turn / 10)]})
    save_scatter(folder / "map.png", np.eye(2) + turn, ["chair", "table"], title="map", axes=("x", "y"))


def _write_grids(folder: pathlib.Path, _: pathlib.Path, turn: int) -> None:
    for extension in ("mat", "npy", "npz", "binvox", "txt"):
        write_shape(box(turn), folder / f"grid.{extension}")


def _write_meshes(folder: pathlib.Path, _: pathlib.Path, turn: int) -> None:
    for extension in ("stl", "obj", "ply", "glb", "off"):
        write_shape(box(turn), folder / f"shape.{extension}")


def _write_demo_shapes(folder: pathlib.Path, _: pathlib.Path, turn: int) -> None:
    # Each shape of another seed has the name of the one that it replaces.
    write_demo_shapes(folder, ("chair",), count=4, seed=turn, resolution=_SIDE, test_fraction=0, progress=False)


def _read_shapes(folder: pathlib.Path) -> Found:
    """As `read_bytes`, but of `.mat` files, which hold the time, the grids."""
    found = read_bytes(folder)
    for path in sorted(folder.rglob("*.mat")):
        if not path.name.startswith("."):
            found[path.name] = digest(scipy.io.loadmat(path)["instance"].tobytes())
    return found


def _write_prior(folder: pathlib.Path, _: pathlib.Path, turn: int) -> None:
    count, size = 4 + turn, 64
    factors = np.tile(np.eye(size, dtype=np.float32), (count, 1, 1))
    mixture = GaussianMixture(np.full(count, 1 / count, np.float32), np.zeros((count, size), np.float32), factors)
    MixturePrior(("chair",), (9,), (mixture,)).save(folder / "model.ckpt-1.prior.npz")


def _write_study(folder: pathlib.Path, _: pathlib.Path, turn: int) -> None:
    study = _open_study(folder)
    trial = study.ask()
    study.tell(trial, trial.suggest_float("kl_weight", turn, turn + 1))


def _read_study(folder: pathlib.Path) -> Found:
    """Whether SQLite finds its file sound, with each complete trial's value that of its parameter."""
    path = folder / "study.db"
    if not path.exists() or not path.stat().st_size:
        return {}
    with sqlite3.connect(path) as database:
        (sound,) = database.execute("pragma integrity_check").fetchone()
        wrong = database.execute(
            "select count(*) from trials left join trial_values using (trial_id) left join trial_params using "
            "(trial_id) where state = 'COMPLETE' and (value is null or value != param_value)"
        ).fetchone()[0]
    return {"study.db": f"{sound}, {wrong} wrong trials"}


def _open_study(folder: pathlib.Path) -> "optuna.Study":
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna.create_study(storage=f"sqlite:///{folder / 'study.db'}", study_name="vae_gan3d", load_if_exists=True)


def _write_download(folder: pathlib.Path, _: pathlib.Path, turn: int) -> None:
    tempfile.tempdir = str(folder)
    mesh_file(box(turn).astype(np.float32), "stl", ShapeFilesConfig(), 0.5)
    uploaded = io.BytesIO()
    np.save(uploaded, box(turn), allow_pickle=False)
    read_upload(uploaded.getvalue(), "box.npy", DEFAULT_READING.at(_SIDE))


WRITERS = (
    Writer("texts", "config.json, metrics.json, a manifest", _write_texts),
    Writer("page", "report.html", _write_page),
    Writer("pictures", "PNG and GIF", _write_pictures),
    Writer("grids", ".mat .npy .npz .binvox .txt", _write_grids, _read_shapes),
    Writer("meshes", ".stl .obj .ply .glb .off", _write_meshes),
    Writer("demo_shapes", ".mat of vae_gan3d.demo_shapes", _write_demo_shapes, _read_shapes),
    Writer("prior", "model.ckpt-N.prior.npz", _write_prior),
    Writer("study", "study.db, by SQLite", _write_study, _read_study, start=_open_study),
    Writer("explorer", "uploads and downloads, in the system's folder", _write_download, start=remove_leftovers),
)
