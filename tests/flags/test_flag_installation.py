"""What a script says where packages are missing."""

import pathlib
import subprocess
import sys

import pytest

from flags.installation import PACKAGES

ROOT = pathlib.Path(__file__).parents[2]


@pytest.mark.parametrize("script", ["create_tf_record.py", "train.py", "test.py"])
def test_missing_packages_are_one_line(script):
    # -S leaves out the folder of installed packages, -I what the environment adds to it.
    code = f"import runpy, sys; sys.path.insert(0, {str(ROOT)!r}); runpy.run_path({script!r}, run_name='__main__')"
    done = subprocess.run([sys.executable, "-S", "-I", "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert f"lacks {', '.join(PACKAGES.values())}: run `make install` once" in done.stderr
