"""What a user does with the wheel alone, in an environment and a folder that know nothing of the clone.

    make test-wheel

Runs the cells of `notebooks/train_on_your_meshes.ipynb` and the command `vae-gan3d`; needs nothing but the wheel.
"""

import ast
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile

import vae_gan3d

NOTEBOOK = pathlib.Path(__file__).resolve().parents[1] / "notebooks/train_on_your_meshes.ipynb"
SMALL = {"RESOLUTION": 16, "BASE_WIDTH": 8, "TRAIN_STEPS": 4, "SAMPLES": 2}
# Four corners of a cube each, of another size.
MESH = "v 0 0 0\nv {0} 0 0\nv 0 {0} 0\nv 0 0 1\nf 1 3 2\nf 1 2 4\nf 1 4 3\nf 2 3 4\n"


def run_cells(parameters):
    """Runs the cells but the one that installs; gives what the last lines display."""
    found, displayed = {}, []
    for cell in json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]:
        tags = cell["metadata"].get("tags", [])
        if cell["cell_type"] != "code" or "install" in tags:
            continue
        tree = ast.parse("".join(cell["source"]))
        last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
        exec(compile(tree, cell["id"], "exec"), found)
        if last is not None:
            value = eval(compile(ast.Expression(last.value), cell["id"], "eval"), found)
            displayed += [value] if value is not None else []
        if "parameters" in tags:
            found |= parameters
    return found, displayed


def check_notebook(meshes):
    """The notebook reads meshes, trains, shows pictures and writes closed meshes."""
    found, displayed = run_cells({**SMALL, "MESHES": str(meshes)})
    pictures = [value for value in displayed if hasattr(value, "_repr_png_") or hasattr(value, "_repr_html_")]
    assert len(pictures) == 4, displayed  # records, samples, turning samples, reconstructions
    assert found["model"].classes == ("mine",)
    assert found["samples"].shape == (2, 16, 16, 16)
    assert pathlib.Path("shapes_stl.zip").is_file()


def check_command():
    """The command draws samples of the shipped model, as files for a printer, without any flag of a place."""
    command = pathlib.Path(sys.executable).with_name("vae-gan3d")
    begun = time.monotonic()
    subprocess.run([command, "test", "--phase=sample", "--samples=2", "--formats=stl"], check=True)
    print(f"two samples as STL files in {time.monotonic() - begun:.0f} s")
    folder = pathlib.Path("runs/pretrained/samples")
    assert len(list(folder.glob("sample-*.stl"))) == 2
    subprocess.run([command, "demo_shapes", "--output_dir=DATA", "--count=10", "--classes=chair"], check=True)
    subprocess.run([command, "records", "--data_dir=DATA/volumetric_data", "--output_dir=R"], check=True)
    subprocess.run([command, "convert", folder / "sample-000.stl", "sample.npy"], check=True)
    wrong = subprocess.run([command, "train", "--records=absent"], capture_output=True, text=True, check=False)
    assert (wrong.returncode, wrong.stderr.count("\n")) == (1, 1), wrong.stderr


def main():
    """Runs both checks in a new folder."""
    assert not pathlib.Path(vae_gan3d.__file__).is_relative_to(NOTEBOOK.parents[1] / "vae_gan3d"), vae_gan3d.__file__
    folder = pathlib.Path(tempfile.mkdtemp())
    os.chdir(folder)
    try:
        with zipfile.ZipFile("mine.zip", "w") as archive:
            for number in range(12):
                archive.writestr(f"mesh{number}.obj", MESH.format(0.5 + number / 20))
        check_notebook(folder / "mine.zip")
        check_command()
    finally:
        shutil.rmtree(folder)
    print("the wheel works by itself")


if __name__ == "__main__":
    main()
