"""The notebooks: that they run, with tiny settings, and that none is committed with what a run leaves behind."""

import importlib.util
import json
import pathlib

import pytest

FOLDER = pathlib.Path(__file__).resolve().parents[1] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
SECONDS = 300
TINY = {"shapes_per_class": 10, "resolution": 16, "latent_size": 64, "base_width": 8, "epochs": 2, "batch_size": 8}
TINY_FLAGS = {"resolution": 16, "latent_size": 64, "base_width": 8, "epochs": 1, "model": "vae", "report": "false"}


def cells(notebook):
    """The cells of a notebook file."""
    return json.loads(notebook.read_text(encoding="utf-8"))["cells"]


def execute(name, folder, parameters):
    """Runs a notebook in a folder of its own; gives its pictures and its printed text."""
    if importlib.util.find_spec("papermill") is None or importlib.util.find_spec("ipykernel") is None:
        pytest.skip('papermill and ipykernel, which run notebooks, are not installed: pip install -e ".[notebooks]"')
    import papermill

    book = papermill.execute_notebook(
        str(FOLDER / name),
        str(folder / name),
        parameters=parameters,
        kernel_name="python3",
        cwd=str(folder),
        progress_bar=False,
        execution_timeout=SECONDS,
    )
    outputs = [output for cell in book.cells if cell.cell_type == "code" for output in cell.outputs]
    pictures = [output.data["image/png"] for output in outputs if "image/png" in output.get("data", {})]
    return pictures, "".join(output.text for output in outputs if output.output_type == "stream")


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The first notebook's folder, pictures and text."""
    folder = tmp_path_factory.mktemp("train")
    return folder, *execute("train_on_demo_shapes.ipynb", folder, TINY)


def test_training_shows_losses_and_shapes(trained):
    folder, pictures, text = trained
    # Demo shapes, losses, reconstructions at the end (the only look), held-out shapes and samples.
    assert len(pictures) == 5
    assert "18 shapes to train on, 2 kept for later" in text
    assert "on 18 shapes, 5 steps of 8, from the start" in text
    assert "IoU: " in text
    assert (folder / "notebook_output/train/run/model.ckpt-2.index").is_file()


@pytest.mark.parametrize("given", [True, False], ids=["a run is given", "none is given"])
def test_interpolation_and_arithmetic_of_a_run(given, trained, tmp_path):
    parameters = {"run": str(trained[0] / "notebook_output/train/run")} if given else {"training": TINY_FLAGS}
    pictures, text = execute(
        "interpolate_and_arithmetic.ipynb",
        tmp_path,
        {
            **parameters,
            "shapes_per_class": 10,
            "steps": 3,
            "chairs_with_arms": [59, 69, 79],
            "plain_chairs": [9, 19, 29],
            "tables": [9, 19, 29],
        },
    )
    assert len(pictures) == 3
    assert ("python train.py" in text) != given
    own = sorted(path.name for path in (tmp_path / "notebook_output/interpolate").iterdir())
    pictured = ["arithmetic.png", "arms.png", "interpolation.png"]
    assert own == (pictured if given else [*pictured, "records", "run", "volumetric_data"])


def test_there_are_two():
    assert [path.stem for path in NOTEBOOKS] == ["interpolate_and_arithmetic", "train_on_demo_shapes"]


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_committed_notebooks_hold_no_results(notebook):
    code = [cell for cell in cells(notebook) if cell["cell_type"] == "code"]
    assert [cell["id"] for cell in code if cell["outputs"] or cell["execution_count"] is not None] == []
    assert [cell["id"] for cell in cells(notebook) if set(cell["metadata"]) - {"tags"}] == []
    assert notebook.stat().st_size < 20_000


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_parameters_stand_in_one_tagged_cell(notebook):
    tagged = [cell for cell in cells(notebook) if "parameters" in cell["metadata"].get("tags", ())]
    assert len(tagged) == 1
