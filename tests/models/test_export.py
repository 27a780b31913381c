"""Exported networks compute what the model does, and sample.py draws what its prior draws."""

import re
import runpy
import shutil
import subprocess
import sys
import textwrap
import warnings

import keras
import numpy as np
import onnx
import onnxruntime
import pytest
import tensorflow as tf

import vae_gan3d
from tests.models.test_priors import PRIOR
from tests.small_runs import GAN, untrained_model
from vae_gan3d import phases
from vae_gan3d.config import MODEL_FORMATS, ExportModelConfig, ModelConfig
from vae_gan3d.errors import UserError
from vae_gan3d.models import export, sample_latents
from vae_gan3d.models.priors import NormalPrior
from vae_gan3d.shipped import shipped_folder

TOLERANCE = 1e-4
CLASSES = ("chair", "lamp", "table")
GROUP, BATCH, PLAIN = (("default", 8, normalization, "relu") for normalization in ("group", "batch", "none"))
CONDITIONAL = ModelConfig(16, 64, *GROUP, CLASSES, latent_layout="grid", conditional=True)
MODELS = {
    "16, vector": ModelConfig(16, 4, "default", 8, "group", "gelu"),
    "16, grid, conditional": CONDITIONAL,
    "32, vector, conditional": ModelConfig(32, 5, *PLAIN, CLASSES, latent_layout="vector", conditional=True),
    "32, grid, growing": ModelConfig(32, 128, *BATCH, latent_layout="grid", fade_samples=10),
    "64, vector": ModelConfig(64, 6, "3dgan", 4, "batch", "relu"),
    "64, grid, conditional": ModelConfig(64, 64, *PLAIN, CLASSES, latent_layout="grid", conditional=True),
}


def trained(config):
    """A model whose weights are all of a size that shows in its outputs, also those that begin at 0 or 1."""
    model, random = untrained_model(config), np.random.default_rng(1)
    for network in model.networks.by_name().values():
        for variable in network.variables:
            if variable.name == "fade":
                variable.assign(0.3)
            elif "variance" in variable.name:
                variable.assign(random.uniform(0.5, 2, variable.shape))
            elif len(variable.shape) == 1:
                variable.assign(variable + random.normal(0, 0.3, variable.shape))
            elif not np.any(variable):
                variable.assign(random.normal(0, 0.05, variable.shape))
            else:
                variable.assign(2.0 * variable)  # without normalization the first weights make all inputs alike
    return model


def assert_same(model, run):
    """Compares `run(network's name, inputs)` with the model, for several shapes and for one."""
    random = np.random.default_rng(2)
    latents = random.standard_normal((3, model.latent_size), np.float32)
    voxels = (random.random((3, *[model.resolution] * 3)) < 0.1).astype(np.float32)
    shares = random.dirichlet(np.ones(3), 3).astype(np.float32) if model.conditional else None
    labels = {"labels": shares} if model.conditional else {}
    cases = {"generator": ({"latents": latents, **labels}, {"probabilities": model.decode(latents, shares)})}
    if model.has_encoder:
        moments = dict(zip(("mean", "log_variance"), model.posterior(voxels, shares), strict=True))
        cases["encoder"] = ({"voxels": voxels, **labels}, moments)
    for network, (inputs, outputs) in cases.items():
        for count in (3, 1):
            found = run(network, {name: array[:count] for name, array in inputs.items()})
            assert found.keys() == outputs.keys()
            for name, expected in outputs.items():
                assert found[name].dtype == np.float32
                np.testing.assert_allclose(found[name], expected[:count], rtol=0, atol=TOLERANCE, strict=True)
                assert np.ptp(expected, axis=0).max() > 20 * TOLERANCE  # inputs matter


def run_onnx(folder):
    def run(network, inputs):
        session = onnxruntime.InferenceSession(folder / f"{network}.onnx")
        names = [output.name for output in session.get_outputs()]
        return dict(zip(names, session.run(names, inputs), strict=True))

    return run


def run_litert(folder):
    def run(network, inputs):
        with warnings.catch_warnings(action="ignore"):
            interpreter = tf.lite.Interpreter(str(folder / f"{network}.tflite"))
        return interpreter.get_signature_runner("serving_default")(**inputs)

    return run


@pytest.fixture(scope="module")
def model():
    made = trained(CONDITIONAL)
    made.prior = NormalPrior(64, 1.0, CLASSES)
    return made


@pytest.fixture(scope="module")
def exported(model, tmp_path_factory):
    """A conditional model in every format, and what the export said."""
    folder = tmp_path_factory.mktemp("exported")
    return folder, export.export_model(folder, model, MODEL_FORMATS)


@pytest.mark.parametrize("name", [name for name in MODELS if MODELS[name] is not CONDITIONAL])
def test_onnx_files_compute_what_the_model_does(tmp_path, name):
    model = trained(MODELS[name])
    growing = bool(model.config.fade_samples)  # LiteRT has no pooling in 3D
    export.export_model(tmp_path, model, ["onnx", "litert"] if growing else ["onnx"])
    assert_same(model, run_onnx(tmp_path))
    if growing:
        assert_same(model, run_litert(tmp_path))


def test_onnx_files_of_a_conditional_model(model, exported):
    folder, _ = exported
    assert_same(model, run_onnx(folder))
    made = onnx.load(folder / "generator.onnx")
    assert [entry.version for entry in made.opset_import if not entry.domain] == [export.OPSET]
    shapes = {
        value.name: [side.dim_param or side.dim_value for side in value.type.tensor_type.shape.dim]
        for value in (*made.graph.input, *made.graph.output)
    }
    assert shapes == {"latents": ["N", 64], "labels": ["N", 3], "probabilities": ["N", 16, 16, 16]}


def test_keras_files_need_keras_alone(model, exported):
    folder, _ = exported
    networks = {name: keras.saving.load_model(folder / f"{name}.keras") for name in ("generator", "encoder")}
    assert_same(model, lambda name, inputs: {key: found.numpy() for key, found in networks[name](inputs).items()})
    layers = [layer for network in networks.values() for layer in network.layers]
    assert {type(layer).__module__.split(".")[0] for layer in layers} == {"keras"}


def test_savedmodels(model, exported):
    folder, _ = exported
    networks = {name: tf.saved_model.load(folder / f"{name}_savedmodel") for name in ("generator", "encoder")}

    def run(name, inputs):
        return {key: found.numpy() for key, found in networks[name].signatures["serving_default"](**inputs).items()}

    assert_same(model, run)


def test_litert_files(model, exported):
    assert_same(model, run_litert(exported[0]))


@pytest.mark.parametrize(
    ("activation", "normalization"),
    [("leaky_relu", "group"), ("elu", "batch"), ("selu", "none"), ("gelu", "none"), ("tanh", "none")],
)
def test_plain_networks_have_every_layer(activation, normalization):
    model = trained(ModelConfig(16, 4, "default", 8, normalization, activation, leaky_slope=0.1, depth=1))
    networks = {
        "generator": export.plain_generator(model.networks.generator),
        "encoder": export.plain_encoder(model.networks.encoder),
    }
    assert_same(model, lambda name, inputs: {key: found.numpy() for key, found in networks[name](inputs).items()})


def test_a_network_that_has_grown_has_no_layers_of_the_smaller_one():
    model = untrained_model(MODELS["32, grid, growing"])
    names = [layer.name for layer in export.plain_generator(model.networks.generator).layers]
    names += [layer.name for layer in export.plain_encoder(model.networks.encoder).layers]
    assert "doubled" not in names and not any("before" in name for name in names)


def test_the_differences_are_told(exported):
    lines = exported[1]
    assert [line.split(":")[0] for line in lines] == list(MODEL_FORMATS)
    for line in lines:
        decode, encode = re.fullmatch(r"\w+: decode differs by (\S+) at most, encode by (\S+)", line).groups()
        assert float(decode) < TOLERANCE and float(encode) < TOLERANCE


@pytest.mark.parametrize("name", MODEL_FORMATS)
def test_the_examples_of_the_readme_run(model, exported, tmp_path, monkeypatch, name):
    folder = exported[0]
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "argv", ["sample.py", "5", "3", "lamp"])
    runpy.run_path("sample.py", run_name="__main__")
    blocks = re.findall(r"(?:^    .*\n)+", (folder / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    code = [textwrap.dedent(block) for block in (blocks[0], blocks[1 + MODEL_FORMATS.index(name)])]
    # The package of LiteRT is not installed here.
    code[1] = code[1].replace("ai_edge_litert.interpreter", "tensorflow.lite.python.interpreter")
    names = {}
    with warnings.catch_warnings(action="ignore"):
        exec("".join(code), names)
    drawn = model.draw(5, np.random.default_rng(3), ["lamp"], refinements=0)
    expected = model.decode(drawn.latents, drawn.classes)
    clear = abs(expected - 0.5) > TOLERANCE
    assert names["shapes"].shape == expected.shape
    assert np.array_equal(names["shapes"][clear], expected[clear] > 0.5)


def test_a_plain_gan_has_a_generator_alone(tmp_path):
    model = trained(GAN)
    lines = export.export_model(tmp_path, model, ["keras"])
    written = sorted(path.name for path in tmp_path.iterdir())
    assert written == ["README.md", "generator.keras", "prior.npz", "sample.py"]
    assert re.fullmatch(r"keras: decode differs by \S+ at most", lines[0])
    assert "plain GAN, which has no encoder" in (tmp_path / "README.md").read_text(encoding="utf-8")


def test_the_phase_keeps_earlier_results(tmp_path, capsys):
    folder = tmp_path / "exported"
    config = ExportModelConfig(shipped_folder("pretrained"), folder, ("keras",))
    for _ in range(2):
        assert phases.run(config) == 0
    said = capsys.readouterr()
    assert said.out.endswith(f"wrote generator and encoder to {folder}: README.md says how to run them\n")
    assert said.err == f"note: the earlier result in {folder} was moved to {folder / 'earlier-1'}\n"
    written = ["README.md", "encoder.keras", "generator.keras", "prior.npz", "sample.py"]
    assert sorted(path.name for path in folder.iterdir()) == sorted([*written, "earlier-1"])
    assert sorted(path.name for path in (folder / "earlier-1").iterdir()) == written
    latents, _ = sample_latents.sample(dict(np.load(folder / "prior.npz")), 6, 2, ["lamp", "chair"])
    drawn = vae_gan3d.load("pretrained").draw(6, np.random.default_rng(2), ["chair", "lamp"], refinements=0)
    assert np.array_equal(latents, drawn.latents)


def run_script(folder, *arguments):
    """Runs sample.py in a process of its own, where it may import neither TensorFlow nor vae_gan3d."""
    shutil.copy(export.SAMPLE_SCRIPT, folder / "sample.py")
    code = (
        "import runpy, sys; runpy.run_path('sample.py', run_name='__main__'); "
        "assert not {'tensorflow', 'vae_gan3d'} & set(sys.modules)"
    )
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("prior", "classes"),
    [
        (PRIOR, None),
        (PRIOR, [PRIOR.classes[0]]),
        (NormalPrior(4, 0.5), None),
        (NormalPrior(4, 2.0, CLASSES), None),
        (NormalPrior(4, 2.0, CLASSES), ["table", "chair"]),
    ],
)
def test_the_script_draws_what_the_prior_draws(tmp_path, prior, classes):
    prior.save(tmp_path / "prior.npz")
    done = run_script(tmp_path, "50", "7", *(classes or ()))
    assert done.returncode == 0, done.stderr
    latents, labels = prior.sample(50, np.random.default_rng(7), classes)
    assert np.array_equal(np.load(tmp_path / "latents.npy"), latents)
    shares = np.load(tmp_path / "labels.npy")
    assert shares.dtype == np.float32
    if labels is not None:
        assert np.array_equal(shares, np.eye(len(prior.classes))[labels])


def test_the_script_names_the_classes(tmp_path):
    NormalPrior(4, 1.0, CLASSES).save(tmp_path / "prior.npz")
    assert run_script(tmp_path).returncode == 0
    assert np.load(tmp_path / "latents.npy").shape == (16, 4)
    done = run_script(tmp_path, "4", "0", "sofa")
    assert (done.returncode, done.stderr) == (
        1,
        "error: the classes are chair, lamp, table: give some of these, or none for all\n",
    )


def test_a_file_that_does_not_hold_the_network_is_refused(tmp_path, monkeypatch):
    def load(path):
        return lambda inputs: {"probabilities": np.full((len(inputs["latents"]), 16, 16, 16), 2.0)}

    broken = export.ModelFormat(".keras", lambda network, path: None, load, "", "")
    monkeypatch.setitem(export.FORMATS, "keras", broken)
    with pytest.raises(UserError, match=r"^--formats=keras cannot hold this generator \(its outputs differ by [12]\."):
        export.export_model(tmp_path, untrained_model(GAN), ["keras"])


def test_an_operation_that_litert_lacks_is_named(tmp_path, capfd):
    inputs = keras.Input((8, 8, 8, 1), name="voxels")
    network = keras.Model({"voxels": inputs}, {"halved": keras.layers.MaxPooling3D(2)(inputs)}, name="encoder")
    with pytest.raises(UserError, match=r"^--formats=litert cannot hold this encoder \(it lacks MaxPool3D\): leave"):
        export.FORMATS["litert"].write(network, tmp_path / "encoder.tflite")
