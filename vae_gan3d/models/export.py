"""Writes a model's networks and prior for programs without vae_gan3d: ONNX, Keras, SavedModel, LiteRT and NumPy.

Our layers have their own forms of the same functions, which train faster and which not every format can hold. So each
network is built once more from Keras's own layers, with the same weights, and that is what all formats hold.
"""

import dataclasses
import math
import pathlib
import re
import textwrap
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from tensorflow.lite.python.convert_phase import ConverterError

from vae_gan3d.errors import UserError
from vae_gan3d.files import PROGRAM, write_refused, write_text
from vae_gan3d.models.model import Model
from vae_gan3d.networks.convolutions import TransposedConvolution
from vae_gan3d.networks.encoder import LOG_VARIANCE_RANGE, Encoder
from vae_gan3d.networks.generator import Generator
from vae_gan3d.networks.layers import CORE_SIDE, ConvolutionBlock, ResidualBlock
from vae_gan3d.networks.normalization import EPSILON, GroupNormalization

# Of ONNX 1.12 (2022): it has all that the networks need, and older runtimes read it too.
OPSET = 17
# What an export may replace in its folder; `/` for folders.
RESULTS = (
    "generator.*",
    "encoder.*",
    "generator_savedmodel/",
    "encoder_savedmodel/",
    "prior.npz",
    "sample.py",
    "README.md",
)
# Above this a file does not hold the network. Rounding gives 1e-5 on a CPU, and more where a GPU rounds to TF32.
_MOST_DIFFERENCE = 1e-2
_CHECKED = 2  # random inputs of the check
SAMPLE_SCRIPT = pathlib.Path(__file__).with_name("sample_latents.py")

Arrays = Mapping[str, np.ndarray]
Run = Callable[[Arrays], Arrays]


def export_model(folder: pathlib.Path, model: Model, formats: Sequence[str]) -> list[str]:
    """Writes generator, encoder (not of a plain GAN), prior, `sample.py` and `README.md`, and compares with the model.

    Args:
        folder: an existing folder.
        model: the model, with its prior.
        formats: some of `config.MODEL_FORMATS`.

    Returns:
        Lines for the user: what a format differs by from the model.

    Raises:
        UserError: a format cannot hold a network, or a file cannot be written.
    """
    networks = {"generator": plain_generator(model.networks.generator)}
    if model.has_encoder:
        networks["encoder"] = plain_encoder(model.networks.require_encoder())
    inputs, outputs = _known_outputs(model)
    lines = []
    try:
        for name in formats:
            differences = []
            for network in networks.values():
                path = folder / FORMATS[name].file_name(network.name)
                FORMATS[name].write(network, path)
                found = FORMATS[name].load(path)(inputs[network.name])
                differences.append(_difference(found, outputs[network.name]))
                if differences[-1] > _MOST_DIFFERENCE:
                    raise _not_held(name, network, f"its outputs differ by {differences[-1]:.1e} from the model's")
            encoded = f", encode by {differences[1]:.1e}" if model.has_encoder else ""
            lines.append(f"{name}: decode differs by {differences[0]:.1e} at most{encoded}")
        model.prior.save(folder / "prior.npz")
        write_text(folder / "sample.py", SAMPLE_SCRIPT.read_text(encoding="utf-8"))
        write_text(folder / "README.md", _readme(model, formats))
    except OSError as error:
        raise write_refused("the exported networks", error) from error
    return lines


def _known_outputs(model: Model) -> tuple[dict[str, Arrays], dict[str, Arrays]]:
    """Random inputs of each network, and what the model makes of them."""
    generator = np.random.default_rng(0)
    latents = generator.standard_normal((_CHECKED, model.latent_size), np.float32)
    voxels = (generator.random((_CHECKED, *[model.resolution] * 3)) < 0.1).astype(np.float32)
    labels = {}
    if model.conditional:
        labels["labels"] = generator.dirichlet(np.ones(len(model.classes)), _CHECKED).astype(np.float32)
    inputs: dict[str, Arrays] = {"generator": {"latents": latents, **labels}}
    outputs: dict[str, Arrays] = {"generator": {"probabilities": model.decode(latents, labels.get("labels"))}}
    if model.has_encoder:
        inputs["encoder"] = {"voxels": voxels, **labels}
        mean, log_variance = model.posterior(voxels, labels.get("labels"))
        outputs["encoder"] = {"mean": mean, "log_variance": log_variance}
    return inputs, outputs


def _difference(found: Arrays, wanted: Arrays) -> float:
    """The largest difference of two networks' outputs; infinite if a number is none."""
    largest = max(float(np.abs(found[name] - wanted[name]).max()) for name in wanted)
    return largest if np.isfinite(largest) else np.inf


def _not_held(format_name: str, network: keras.Model, reason: str) -> UserError:
    """The error for a format that cannot hold a network."""
    return UserError(f"--formats={format_name} cannot hold this {network.name} ({reason}): leave this format out")


# Networks of Keras's own layers


def plain_generator(generator: Generator) -> keras.Model:
    """The generator as a Keras model that loads without vae_gan3d.

    Args:
        generator: with its weights.

    Returns:
        `latents` `[N, L]` float32 (with `labels` `[N, classes]` float32, shares of the classes, if the network is
        conditional) to `probabilities` `[N, R, R, R]` float32.
    """
    options = generator.arguments
    side, size = options["resolution"], generator.latent_size
    cells = (CORE_SIDE,) * 3 if options["latent_layout"] == "grid" else (1, 1, 1)
    inputs = {"latents": keras.Input((size,), name="latents", dtype="float32")}
    outputs = keras.layers.Reshape((*cells, size // math.prod(cells)), name="latent_cells")(inputs["latents"])
    if generator.class_latents is not None:
        inputs["labels"] = keras.Input((options["classes"],), name="labels", dtype="float32")
        classes = _plain_layer(generator.class_latents, inputs["labels"], "classes")
        classes = keras.layers.Reshape((*cells, -1), name="class_cells")(classes)
        outputs = keras.layers.Concatenate(name="latent_and_class")([outputs, classes])
    before = outputs = _plain_block(generator.opening, outputs)
    for block in generator.blocks:
        if isinstance(block, ConvolutionBlock) and isinstance(block.convolution, TransposedConvolution):
            before = outputs  # the last stage begins with the last of these
        outputs = _plain_block(block, outputs)
    outputs = _plain_layer(generator.to_logits, outputs, "voxels")
    share = _fade_share(generator.fade)
    if generator.to_logits_before is not None and share < 1:
        smaller = _plain_layer(generator.to_logits_before, before, "voxels_before")
        outputs = _faded(keras.layers.UpSampling3D(2, name="doubled")(smaller), outputs, share)
    outputs = keras.layers.Reshape((side, side, side), name="logits")(outputs)
    probabilities = keras.layers.Activation("sigmoid", name="probabilities")(outputs)
    return keras.Model(inputs, {"probabilities": probabilities}, name="generator")


def plain_encoder(encoder: Encoder) -> keras.Model:
    """The encoder as a Keras model that loads without vae_gan3d.

    Args:
        encoder: with its weights.

    Returns:
        `voxels` `[N, R, R, R]` float32 in [0, 1] (with `labels`, as `plain_generator`) to `mean` and `log_variance`,
        both `[N, L]` float32.
    """
    side, size, trunk = encoder.arguments["resolution"], encoder.latent_size, encoder.trunk
    inputs = {"voxels": keras.Input((side, side, side), name="voxels", dtype="float32")}
    outputs = keras.layers.Reshape((side, side, side, 1), name="channel")(inputs["voxels"])
    share = _fade_share(trunk.fade)
    for stage, (block, residuals) in enumerate(zip(trunk.blocks, trunk.residuals, strict=True)):
        outputs = _plain_block(block, outputs)
        if stage == 1 and trunk.end_before is not None and share < 1:
            outputs = _faded(_plain_block(trunk.end_before, _halved(inputs["voxels"])), outputs, share)
        for residual in residuals:
            outputs = _plain_block(residual, outputs)
    if encoder.class_grids is not None:
        inputs["labels"] = keras.Input((encoder.arguments["classes"],), name="labels", dtype="float32")
        classes = _plain_layer(encoder.class_grids, inputs["labels"], "classes")
        classes = keras.layers.Reshape(outputs.shape[1:], name="class_cells")(classes)
        outputs = keras.layers.Add(name="core_and_class")([outputs, classes])
    outputs = _plain_block(encoder.refine, outputs)
    mean, log_variance = keras.ops.split(_plain_layer(encoder.moments, outputs, "moments"), 2, axis=-1)
    log_variance = keras.layers.Reshape((size,), name="log_variance")(log_variance)
    moments = {
        "mean": keras.layers.Reshape((size,), name="mean")(mean),
        "log_variance": keras.ops.clip(log_variance, *LOG_VARIANCE_RANGE),
    }
    return keras.Model(inputs, moments, name="encoder")


def _plain_block(block: keras.layers.Layer, inputs: keras.KerasTensor) -> keras.KerasTensor:
    """A block's layers, as Keras's own, on `[N, D, H, W, C]`."""
    if isinstance(block, ResidualBlock):
        outputs = inputs
        for layer in block.layers:
            outputs = _plain_layer(layer, outputs, f"{block.name}_{layer.name}")
        return keras.layers.Add(name=f"{block.name}_sum")([inputs, outputs])
    if isinstance(block, ConvolutionBlock):
        for layer in (block.convolution, block.normalization, block.activation):
            inputs = _plain_layer(layer, inputs, f"{block.name}_{layer.name}")
        return inputs
    return _plain_layer(block, inputs, block.name)


def _plain_layer(layer: keras.layers.Layer, inputs: keras.KerasTensor, name: str) -> keras.KerasTensor:
    """The layer of Keras that computes the same function, with the same weights."""
    if isinstance(layer, keras.layers.Identity):
        return inputs
    if isinstance(layer, keras.layers.Activation) and layer.get_config()["activation"] == "gelu":
        return 0.5 * inputs * (1.0 + keras.ops.erf(inputs * 0.5**0.5))  # Keras's own has an operation ONNX lacks
    if isinstance(layer, GroupNormalization):
        plain = keras.layers.GroupNormalization(layer.groups, epsilon=EPSILON, name=name, dtype="float32")
    else:
        kind: Any = next(base for base in type(layer).__mro__ if base.__module__.startswith("keras."))
        plain = kind.from_config({**layer.get_config(), "name": name, "dtype": "float32"})
    outputs = plain(inputs)
    plain.set_weights(layer.get_weights())
    return outputs


def _halved(voxels: keras.KerasTensor) -> keras.KerasTensor:
    """Max-pools `[N, 2C, 2C, 2C]` to `[N, C, C, C, 1]`, one axis after the other: LiteRT has no pooling in 3D."""
    cells = voxels.shape[1] // 2
    shapes = ((cells, 2, 4 * cells**2), (cells, cells, 2, 2 * cells), (cells, cells, cells, 2))
    for axis, shape in enumerate(shapes, start=2):
        voxels = keras.ops.max(keras.layers.Reshape(shape)(voxels), axis=axis)
    return keras.layers.Reshape((cells, cells, cells, 1))(voxels)


def _fade_share(fade: keras.Variable | None) -> float:
    return 1.0 if fade is None else min(float(fade.numpy()), 1.0)


def _faded(before: keras.KerasTensor, own: keras.KerasTensor, share: float) -> keras.KerasTensor:
    return before * (1 - share) + own * share


# Formats


@dataclasses.dataclass(frozen=True)
class ModelFormat:
    """A format of networks.

    Attributes:
        ending: of the file's name, after the network's.
        write: writes a network of `plain_generator` or `plain_encoder` to a path.
        load: reads it back: a function from inputs to outputs by name.
        about: what the file is, for README.md.
        example: code that makes `shapes` of `inputs`.
    """

    ending: str
    write: Callable[[keras.Model, pathlib.Path], None]
    load: Callable[[pathlib.Path], Run]
    about: str
    example: str

    def file_name(self, network: str) -> str:
        """The name of a network's file, or of its folder."""
        return f"{network}{self.ending}"


def _inference(network: keras.Model) -> tf.types.experimental.PolymorphicFunction:
    """The network as a TensorFlow function of its inputs by name, with any number of samples."""
    names = [tensor.name for tensor in network.inputs]
    signature = [tf.TensorSpec(tensor.shape, tf.float32, name=tensor.name) for tensor in network.inputs]

    def run(*tensors: tf.Tensor) -> dict[str, tf.Tensor]:
        return network(dict(zip(names, tensors, strict=True)), training=False)

    return tf.function(run, input_signature=signature, autograph=False)


def _weights(network: keras.Model) -> tf.Module:
    """The weights of a network, where TensorFlow finds them: it does not look into Keras's variables."""
    module = tf.Module()
    module.values = [variable.value for variable in network.variables]
    return module


def _write_onnx(network: keras.Model, path: pathlib.Path) -> None:
    import onnx  # optional, as tf2onnx
    import tf2onnx

    function = _inference(network)
    made, _ = tf2onnx.convert.from_function(function, input_signature=function.input_signature, opset=OPSET)
    for value in (*made.graph.input, *made.graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = "N"
    try:
        onnx.checker.check_model(made)
    except onnx.checker.ValidationError as error:
        raise _not_held("onnx", network, str(error).splitlines()[0]) from error
    path.write_bytes(made.SerializeToString())


def _load_onnx(path: pathlib.Path) -> Run:
    import onnxruntime  # optional

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return lambda inputs: dict(zip(names, session.run(names, dict(inputs)), strict=True))


def _write_keras(network: keras.Model, path: pathlib.Path) -> None:
    network.save(path)


def _load_keras(path: pathlib.Path) -> Run:
    network = keras.saving.load_model(path)

    def run(inputs: Arrays) -> Arrays:
        return {name: output.numpy() for name, output in network(dict(inputs), training=False).items()}

    return run


def _write_savedmodel(network: keras.Model, path: pathlib.Path) -> None:
    # Keras's own export stores every weight twice.
    try:
        tf.saved_model.save(_weights(network), str(path), signatures=_inference(network))
    except tf.errors.OpError as error:  # such as a full disk
        raise write_refused(path.name, error) from error


def _load_savedmodel(path: pathlib.Path) -> Run:
    loaded = tf.saved_model.load(str(path))

    def run(inputs: Arrays) -> Arrays:
        given = {name: tf.constant(array) for name, array in inputs.items()}
        return {name: output.numpy() for name, output in loaded.signatures["serving_default"](**given).items()}

    return run


def _write_litert(network: keras.Model, path: pathlib.Path) -> None:
    function = _inference(network).get_concrete_function()
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function], _weights(network))
    try:
        path.write_bytes(converter.convert())
    except ConverterError as error:
        missing = re.search(r"TF Select ops: (.+)", str(error))
        reason = f"it lacks {missing.group(1)}" if missing else str(error).splitlines()[0]
        raise _not_held("litert", network, reason) from error


def _load_litert(path: pathlib.Path) -> Run:
    with warnings.catch_warnings(action="ignore"):  # TensorFlow names the package that takes the interpreter over
        interpreter = tf.lite.Interpreter(
            str(path),
            # The default one writes a line to stderr.
            experimental_op_resolver_type=tf.lite.experimental.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        )
    run = interpreter.get_signature_runner("serving_default")
    return lambda inputs: run(**inputs)


# By the names of `config.MODEL_FORMATS`.
FORMATS = {
    "onnx": ModelFormat(
        ".onnx",
        _write_onnx,
        _load_onnx,
        f"ONNX of opset {OPSET}, for onnxruntime and others.",
        """
        import onnxruntime
        session = onnxruntime.InferenceSession("generator.onnx")
        shapes = session.run(["probabilities"], inputs)[0] > 0.5
        """,
    ),
    "keras": ModelFormat(
        ".keras",
        _write_keras,
        _load_keras,
        "Keras 3, with layers of Keras alone.",
        """
        import keras
        generator = keras.saving.load_model("generator.keras")
        shapes = keras.ops.convert_to_numpy(generator(inputs)["probabilities"]) > 0.5
        """,
    ),
    "savedmodel": ModelFormat(
        "_savedmodel",
        _write_savedmodel,
        _load_savedmodel,
        "TensorFlow, also for TensorFlow Serving. The signature is `serving_default`.",
        """
        import tensorflow as tf
        loaded = tf.saved_model.load("generator_savedmodel")  # keep it: the signature alone does not hold the weights
        shapes = loaded.signatures["serving_default"](**inputs)["probabilities"].numpy() > 0.5
        """,
    ),
    "litert": ModelFormat(
        ".tflite",
        _write_litert,
        _load_litert,
        "LiteRT, formerly TensorFlow Lite, with its own operations alone (no TF Select).",
        """
        from ai_edge_litert.interpreter import Interpreter  # of the package ai-edge-litert
        generator = Interpreter("generator.tflite").get_signature_runner("serving_default")
        shapes = generator(**inputs)["probabilities"] > 0.5
        """,
    ),
}


# README.md


def _readme(model: Model, formats: Sequence[str]) -> str:
    """What lies in the folder, and how to use it."""
    voxels, latent = f"`[N, {', '.join([str(model.resolution)] * 3)}]`", f"`[N, {model.latent_size}]`"
    labels = (
        "labels",
        f"`[N, {len(model.classes)}]`",
        "share of each class: 1 for a shape's own, 0 elsewhere",
    )
    of_generator = [
        ("latents", latent, "drawn from the prior, or the encoder's means"),
        *([labels] if model.conditional else []),
        ("probabilities", voxels, "output: axes x, y, z, where z is up; a voxel is occupied above 0.5"),
    ]
    of_encoder = [
        ("voxels", voxels, "0 and 1, axes x, y, z"),
        *([labels] if model.conditional else []),
        ("mean", latent, "output: the mean of the shape's latent, its code"),
        ("log_variance", latent, "output: its log-variance, from -8 to 4"),
    ]
    networks = {"generator": of_generator, **({"encoder": of_encoder} if model.has_encoder else {})}
    rows = [
        f"| {network} | `{name}` | {shape} | {meaning} |"
        for network, values in networks.items()
        for name, shape, meaning in values
    ]
    inputs = '"latents": np.load("latents.npy")' + (', "labels": np.load("labels.npy")' if model.conditional else "")
    parts = [
        f"# Exported model\n\n{model.config.describe()}. Written by {PROGRAM}.",
        *(["It is a plain GAN, which has no encoder."] if not model.has_encoder else []),
        *([f"Classes, in the order of labels: {', '.join(model.classes)}."] if model.classes else []),
        "\n".join(["| network | name | shape, float32 | meaning |", "| --- | --- | --- | --- |", *rows]),
        "N is any number of shapes. Outputs have these names, in any order. Every example begins with\n\n"
        f"    import numpy as np\n    inputs = {{{inputs}}}  # from python sample.py 8",
    ]
    for name in formats:
        chosen = FORMATS[name]
        files = " and ".join(f"`{chosen.file_name(network)}`" for network in networks)
        example = textwrap.indent(textwrap.dedent(chosen.example).strip(), " " * 4)
        parts.append(f"## {files}\n\n{chosen.about}\n\n{example}")
    parts.append(f"## `prior.npz` and `sample.py`\n\n{_PRIOR_TEXT}")
    return "\n\n".join(parts) + "\n"


_PRIOR_TEXT = """\
`python sample.py COUNT [SEED [CLASS ...]]` draws latents with NumPy alone, the same as `Model.draw` of vae_gan3d with
that seed and `refinements=0`, and writes `latents.npy` and `labels.npy` (the class of each as shares).

vae_gan3d refines samples once: it decodes the latents, takes the voxels above 0.4, encodes them and decodes the means.
Without that shapes are rougher and have more gaps.

Arrays of a mixture: `classes` and `counts` (`[C]`, how often each is drawn), `components` (`[C]`, the size of each
class's mixture), and of all components in this order `weights` (`[K]`), `means` (`[K, L]`) and `factors` (`[K, L, L]`,
lower Cholesky factors of the covariances). A normal prior has `deviation` and `latent_size` instead of the
last four."""
