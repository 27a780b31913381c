"""Nothing that is read can hold a program: the linter refuses pickle, eval and exec; this looks for what it leaves."""

import ast
import pathlib

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[1]
FILES = sorted([*ROOT.glob("*.py"), *(path for name in ("vae_gan3d",) for path in (ROOT / name).rglob("*.py"))])


def dangers(source):
    """What allows pickles, or Keras to build whatever a file names, and the calls that run a text."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            allowed = {word.arg: getattr(word.value, "value", None) for word in node.keywords}
            if allowed.get("allow_pickle", False) is not False or allowed.get("safe_mode", True) is not True:
                yield f"line {node.lineno}: {ast.unparse(node)}"
            if isinstance(node.func, ast.Name) and node.func.id in ("eval", "exec", "compile", "__import__"):
                yield f"line {node.lineno}: {ast.unparse(node)}"
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [getattr(node, "module", None) or "", *(alias.name for alias in node.names)]
            if {"pickle", "marshal", "shelve"}.intersection(names):
                yield f"line {node.lineno}: {ast.unparse(node)}"


def test_nothing_that_is_read_is_run():
    assert len(FILES) > 100
    found = {str(path.relative_to(ROOT)): list(dangers(path.read_text(encoding="utf-8"))) for path in FILES}
    assert {path: lines for path, lines in found.items() if lines} == {}


@pytest.mark.parametrize(
    "source",
    [
        "np.load(path, allow_pickle=True)",
        "np.load(path, allow_pickle=trusted)",
        "keras.models.load_model(path, safe_mode=False)",
        "eval(text)",
        "import pickle",
        "from pickle import loads",
    ],
)
def test_what_would_be_run_is_found(source):
    assert list(dangers(source)) != []
