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


def test_training_shows_losses_and_shapes(tmp_path):
    pictures, text = execute("train_on_demo_shapes.ipynb", tmp_path, TINY)
    # Demo shapes, losses, reconstructions at the end, held-out shapes and samples.
    assert len(pictures) == 5
    assert "18 shapes to train on, 2 kept for later" in text
    assert "on 18 shapes, 5 steps of 8, from the start" in text
    assert "IoU: " in text
    assert (tmp_path / "notebook_output/train/run/model.ckpt-2.index").is_file()


def test_interpolation_and_arithmetic_of_a_run_that_it_trains(tmp_path):
    parameters = {
        "training": TINY_FLAGS,
        "shapes_per_class": 10,
        "steps": 3,
        "chairs_with_arms": [59, 69, 79],
        "plain_chairs": [9, 19, 29],
        "tables": [9, 19, 29],
    }
    pictures, text = execute("interpolate_and_arithmetic.ipynb", tmp_path, parameters)
    assert len(pictures) == 3
    assert "python train.py" in text
    own = sorted(path.name for path in (tmp_path / "notebook_output/interpolate").iterdir())
    assert own == ["arithmetic.png", "arms.png", "interpolation.png", "records", "run", "volumetric_data"]


def test_there_are_three():
    """`tests/wheel_check.py` runs the third, with the wheel alone."""
    assert [path.stem for path in NOTEBOOKS] == [
        "interpolate_and_arithmetic",
        "train_on_demo_shapes",
        "train_on_your_meshes",
    ]


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
