"""What the phases that use a trained checkpoint do.

In all of them `checkpoint` is a checkpoint's prefix or a run folder (its newest), `records` is empty where there are
none, `split_name` is the set of a folder of records, and results go to `output_dir`, by default beside the checkpoint.
"""

import dataclasses
import pathlib

from vae_gan3d.command_line import command_text
from vae_gan3d.config.fields import (
    CLASSES,
    OUTPUT_DIR,
    RECORDS,
    REPORT,
    REQUIRED,
    SEED,
    SPLIT_NAME,
    Flag,
    check_fields,
    flag,
    require,
    set_default,
    set_paths,
    shared_flag,
)
from vae_gan3d.config.shapes import (
    DEFAULT_READING,
    EXPORTED_FILES,
    FILE_FORMATS,
    FORMATS,
    MODEL_FORMATS,
    NO_FILES,
    ReadOptions,
    ShapeFilesConfig,
    format_names,
)
from vae_gan3d.shipped import shipped_folder

PRIORS = ("normal", "mixture")
INTERPOLATIONS = ("linear", "slerp")
MAPS = ("pca", "tsne")
_STEPS_BETWEEN_SHAPES = 5
_RESULTS_OF_SHIPPED = pathlib.Path("runs/pretrained")

_CHECKPOINT = Flag(
    None,
    "A checkpoint's prefix RUN/model.ckpt-N, or a run folder (its newest checkpoint).",
    "checkpoint",
    ("load_path",),
    default_text="SAVE_PATH",
)
_SHAPE1 = Flag(
    None,
    "First shape v0: a file of voxels or a mesh, one of many such as samples.npy:3, or the index of a record. For "
    "--phase=arithmetic A, as --minus.",
    "shape1",
    ("im1_dir",),
    kind="paths",
)
_SHAPES = Flag(
    None,
    "Instead of --shape1 and --shape2: a comma list of shapes. The path goes through all of them in order.",
    "shapes",
    kind="paths",
)
_PROJECT = Flag(
    0,
    "Steps of Adam that improve the encoder's latents of the given shapes, so that these are reconstructed better. 50 "
    "bring most of what 200 do.",
    "project",
    at_least=0,
)
_THRESHOLD = Flag(0.5, "Voxels above this probability count as occupied.", "threshold", above=0, below=1)
_PRIOR = Flag(
    None,
    "Where latents are drawn from: N(0, I), or a Gaussian mixture for each class, fitted to the training shapes.",
    "prior",
    choices=PRIORS,
    default_text="mixture where one is stored beside the checkpoint, or --records are given to fit it on; else normal",
)
_REFINEMENTS = Flag(
    1,
    "Times that each drawn latent goes through generator and encoder, which completes fragments; 0: as drawn.",
    "refinements",
    at_least=0,
)
_TRAIN_RECORDS = Flag(
    None,
    "Records that the model was trained on: for the bound, the search for copies and the classifier of "
    "--phase=evaluate, and instead of --records for --phase=neighbors.",
    "train_records",
    kind="path",
    default_text="with --phase=evaluate, those beside --records",
)
_TRAIN_SPLIT_NAME = Flag("train", "Which set of a folder of --train_records is read.", "train_split_name")


def results_folder(checkpoint: pathlib.Path, name: str) -> pathlib.Path:
    """Where the results of a phase go by default: beside the checkpoint.

    Args:
        checkpoint: a prefix or a run folder; results of the shipped `pretrained` go to `runs/pretrained/`.
        name: of the folder.
    """
    run = checkpoint if checkpoint.is_dir() else checkpoint.parent
    # What comes with the repository stays as it came.
    return (_RESULTS_OF_SHIPPED if run.resolve() == shipped_folder("pretrained") else run) / name


@dataclasses.dataclass(frozen=True)
class InterpolateConfig:
    """Interpolation between two shapes, or along a path through several.

    Attributes:
        shape1, shape2: a file or the index of a record each; both empty where `shapes` are given.
        class1, class2: their classes for a conditional model, where they are files; else empty.

    Raises:
        UserError: a value is missing or not possible.
    """

    checkpoint: pathlib.Path = shared_flag(_CHECKPOINT, REQUIRED)
    shape1: str = shared_flag(_SHAPE1, "")
    shape2: str = flag("", "Second shape v1, as --shape1.", aliases=("im2_dir",), kind="path")
    records: str = shared_flag(RECORDS, "")
    split_name: str = shared_flag(SPLIT_NAME, "train")
    output_dir: pathlib.Path = shared_flag(OUTPUT_DIR)
    alpha: float = flag(
        0.5,
        "Share of the first shape in v = alpha v0 + (1 - alpha) v1. Outside 0 to 1 it extrapolates.",
        aliases=("scale",),
    )
    steps: int = flag(
        None,
        "Values of alpha from 0 to 1 along the path, or from each of the --shapes to the next: 2 or more; 0: --alpha "
        "alone.",
        at_least=0,
        default_text=f"0; with --shapes {_STEPS_BETWEEN_SHAPES}",
    )
    text_slices: bool = flag(False, "Also writes each shape as text, slice by slice.")
    sample_posterior: bool = flag(False, "Adds the encoder's noise to its means.")
    threshold: float = shared_flag(_THRESHOLD)
    seed: int = shared_flag(SEED)
    interpolation: str = flag(
        "linear",
        "Path between two latents: a straight line, or slerp, a great circle (Shoemake 1985).",
        choices=INTERPOLATIONS,
    )
    shapes: tuple[str, ...] = shared_flag(_SHAPES, ())
    project: int = shared_flag(_PROJECT)
    class1: str = flag("", "Class of --shape1, where that is a file and the model was trained with --conditional.")
    class2: str = flag("", "Class of --shape2, likewise.")
    files: ShapeFilesConfig = NO_FILES
    reading: ReadOptions = DEFAULT_READING

    def __post_init__(self) -> None:
        set_paths(self)
        set_default(self, "output_dir", results_folder(self.checkpoint, "interpolation"))
        set_default(self, "steps", _STEPS_BETWEEN_SHAPES if self.shapes else 0)
        self._check_shapes()
        for name, shape, of_shape in (("class1", self.shape1, self.class1), ("class2", self.shape2, self.class2)):
            require(
                not of_shape or (bool(shape) and not shape.isdecimal()),
                f"--{name}={of_shape} is for a file given with --shape{name[-1]}; a record knows its class: leave it "
                "out",
            )
        check_fields(self)
        require(self.steps != 1, f"--steps={self.steps}: a path needs 2 values of alpha or more; give 0, or 2 or more")
        require(
            not (self.project and self.sample_posterior),
            f"--sample_posterior adds noise that --project={self.project} would remove: leave out one of the two",
        )

    def _check_shapes(self) -> None:
        """Refuses shapes that are missing, or named in two ways."""
        if not self.shapes:
            example = command_text("test.py", "--checkpoint=RUN", "--shape1=A.mat", "--shape2=B.mat")
            require(
                bool(self.shape1 or self.shape2),
                f"--shape1 is missing: {example} mixes two shapes, each a file of voxels or a mesh, or a "
                "record's index; --phase=sample --checkpoint=RUN needs none",
            )
            for name in ("shape1", "shape2"):
                given = bool(getattr(self, name))
                require(given, f"--{name} is missing: give a file of voxels or a mesh, or a record's index")
            return
        require(
            not (self.shape1 or self.shape2),
            "--shapes is given instead of --shape1 and --shape2: leave those out, or --shapes",
        )
        named = ",".join(self.shapes)
        require(len(self.shapes) >= 2, f"--shapes={named} is one shape: a path goes through two or more")
        require(self.steps >= 2, f"--shapes={named} asks for a path: give --steps, 2 or more values of alpha a stretch")

    @property
    def chosen_shapes(self) -> tuple[str, ...]:
        """`shapes`, or the first and the second shape."""
        return self.shapes or (self.shape1, self.shape2)

    @property
    def given_classes(self) -> tuple[str, ...]:
        """The classes that were given for `chosen_shapes`, empty where none was."""
        return ("",) * len(self.shapes) or (self.class1, self.class2)


@dataclasses.dataclass(frozen=True)
class SampleConfig:
    """Shapes drawn from the prior.

    Attributes:
        prior: None for a mixture where one is stored or can be fitted.
        records: the training records, to fit a prior on where none is stored.

    Raises:
        UserError: a value is not possible.
    """

    checkpoint: pathlib.Path = shared_flag(_CHECKPOINT, REQUIRED)
    output_dir: pathlib.Path = shared_flag(OUTPUT_DIR)
    count: int = flag(
        16, "How many shapes --phase=sample draws from the prior, and --phase=export without shapes.", name="samples",
        at_least=1,
    )  # fmt: skip
    threshold: float = shared_flag(_THRESHOLD)
    seed: int = shared_flag(SEED)
    prior: str | None = shared_flag(_PRIOR)
    refinements: int = shared_flag(_REFINEMENTS)
    classes: tuple[str, ...] = shared_flag(CLASSES, ("all",))
    records: str = shared_flag(RECORDS, "")
    split_name: str = shared_flag(SPLIT_NAME, "train")
    files: ShapeFilesConfig = NO_FILES

    def __post_init__(self) -> None:
        set_paths(self)
        set_default(self, "output_dir", results_folder(self.checkpoint, "samples"))
        check_fields(self)

    @property
    def chosen_classes(self) -> tuple[str, ...] | None:
        """The classes to draw from; None for all."""
        return None if self.classes == ("all",) else self.classes


@dataclasses.dataclass(frozen=True)
class EvaluateConfig:
    """How good a checkpoint is, measured against test shapes.

    Attributes:
        records: the test shapes.
        prior: None for a mixture where one is stored or can be fitted.

    Raises:
        UserError: a value is missing or not possible.
    """

    checkpoint: pathlib.Path = shared_flag(_CHECKPOINT, REQUIRED)
    records: str = shared_flag(RECORDS, "")
    split_name: str = shared_flag(SPLIT_NAME, "test")
    train_records: str = shared_flag(_TRAIN_RECORDS, "")
    train_split_name: str = shared_flag(_TRAIN_SPLIT_NAME)
    output_dir: pathlib.Path = shared_flag(OUTPUT_DIR)
    max_samples: int = flag(
        1000,
        "The most samples that are drawn, and the most test shapes that they are compared with.",
        name="evaluation_samples",
        at_least=2,
    )
    chamfer_shapes: int = flag(
        200, "Shapes of each set that the Chamfer distance is measured on: 2 or more; 0 leaves it out.", at_least=0
    )
    prior: str | None = shared_flag(_PRIOR)
    refinements: int = shared_flag(_REFINEMENTS)
    threshold: float = shared_flag(_THRESHOLD)
    seed: int = shared_flag(SEED)
    report: bool = shared_flag(REPORT)

    def __post_init__(self) -> None:
        set_paths(self)
        set_default(self, "output_dir", results_folder(self.checkpoint, "evaluation"))
        require(bool(self.records), "--records is missing: give the records of the test shapes")
        check_fields(self)
        require(self.chamfer_shapes != 1, "--chamfer_shapes=1 leaves nothing to compare: give 0, or 2 or more")


@dataclasses.dataclass(frozen=True)
class ExportConfig:
    """Given shapes, as a trained checkpoint reconstructs them, as files.

    Attributes:
        shapes: a file or the index of a record each, one or more.
        given_classes: the class of each for a conditional model where it is a file; else empty.

    Raises:
        UserError: a value is missing or not possible.
    """

    checkpoint: pathlib.Path = shared_flag(_CHECKPOINT, REQUIRED)
    shapes: tuple[str, ...] = shared_flag(_SHAPES, (), empty="give files, records' indices, or a comma list of these")
    given_classes: tuple[str, ...] = ()
    records: str = shared_flag(RECORDS, "")
    split_name: str = shared_flag(SPLIT_NAME, "train")
    output_dir: pathlib.Path = shared_flag(OUTPUT_DIR)
    project: int = shared_flag(_PROJECT)
    threshold: float = shared_flag(_THRESHOLD)
    files: ShapeFilesConfig = EXPORTED_FILES
    reading: ReadOptions = DEFAULT_READING

    def __post_init__(self) -> None:
        set_paths(self)
        set_default(self, "output_dir", results_folder(self.checkpoint, "export"))
        check_fields(self)
        require(bool(self.files.formats), f"--formats is empty: give some of {', '.join(FORMATS)}")
        for shape, name in zip(self.shapes, self.given_classes, strict=True):
            require(
                not name or not shape.isdecimal(),
                f"the class {name} is given for record {shape}, which knows its own: leave it out",
            )


@dataclasses.dataclass(frozen=True)
class ExportModelConfig:
    """A checkpoint's generator, encoder and prior as files for programs without vae_gan3d.

    Attributes:
        formats: of the networks.
        prior: None for a mixture where one is stored or can be fitted.
        records: the training records, to fit a prior on where none is stored.
        seed: of the fit.

    Raises:
        UserError: a value is not possible.
    """

    checkpoint: pathlib.Path = shared_flag(_CHECKPOINT, REQUIRED)
    output_dir: pathlib.Path = shared_flag(OUTPUT_DIR)
    formats: tuple[str, ...] = shared_flag(
        FILE_FORMATS, ("onnx",), choices=MODEL_FORMATS, empty=f"give some of {', '.join(MODEL_FORMATS)}"
    )
    prior: str | None = shared_flag(_PRIOR)
    records: str = shared_flag(RECORDS, "")
    split_name: str = shared_flag(SPLIT_NAME, "train")
    seed: int = shared_flag(SEED)

    def __post_init__(self) -> None:
        set_default(self, "output_dir", results_folder(self.checkpoint, "export_model"))
        object.__setattr__(self, "formats", format_names(self.formats))
        for name in self.formats:
            require(
                name not in FORMATS,
                f"--formats={name} is a format of shapes, and --phase=export_model writes networks: give "
                "--phase=export",
            )
        check_fields(self)


@dataclasses.dataclass(frozen=True)
class ArithmeticConfig:
    """Latent arithmetic, v = A - B + C.

    Attributes:
        start, minus, plus: A, B and C: files, record indices and `class:NAME`, one or more; the mean of their latents.

    Raises:
        UserError: a value is missing or not possible.
    """

    checkpoint: pathlib.Path = shared_flag(_CHECKPOINT, REQUIRED)
    start: tuple[str, ...] = shared_flag(_SHAPE1, ())
    minus: tuple[str, ...] = flag(
        (),
        "B of --phase=arithmetic, v = A - B + C, where A is --shape1: a file, the index of a record, class:NAME for "
        "the mean of the records of a class, or a comma list of these for the mean of all.",
        kind="paths",
    )
    plus: tuple[str, ...] = flag((), "C of --phase=arithmetic, as --minus.", kind="paths")
    records: str = shared_flag(RECORDS, "")
    split_name: str = shared_flag(SPLIT_NAME, "train")
    output_dir: pathlib.Path = shared_flag(OUTPUT_DIR)
    threshold: float = shared_flag(_THRESHOLD)
    files: ShapeFilesConfig = NO_FILES
    reading: ReadOptions = DEFAULT_READING

    def __post_init__(self) -> None:
        set_paths(self)
        set_default(self, "output_dir", results_folder(self.checkpoint, "arithmetic"))
        for name, shapes in (("shape1", self.start), ("minus", self.minus), ("plus", self.plus)):
            require(
                bool(shapes),
                f"--{name} is missing, v = A - B + C takes --shape1=A, --minus=B and --plus=C: give a file, a record's "
                "index, class:NAME, or a comma list of these",
            )
        check_fields(self)


@dataclasses.dataclass(frozen=True)
class NeighborsConfig:
    """The shapes of a set that are nearest to one.

    Attributes:
        shape: a file, or the index of a record.
        records: where the index counts, and what is searched unless `searched_records` are given.

    Raises:
        UserError: a value is missing or not possible.
    """

    checkpoint: pathlib.Path = shared_flag(_CHECKPOINT, REQUIRED)
    shape: str = shared_flag(_SHAPE1, "")
    records: str = shared_flag(RECORDS, "")
    split_name: str = shared_flag(SPLIT_NAME, "train")
    searched_records: str = shared_flag(_TRAIN_RECORDS, "")
    searched_split_name: str = shared_flag(_TRAIN_SPLIT_NAME)
    output_dir: pathlib.Path = shared_flag(OUTPUT_DIR)
    count: int = flag(
        8,
        "How many shapes near --shape1 --phase=neighbors finds in --records, or in --train_records where these are "
        "given.",
        name="neighbors",
        at_least=1,
    )
    reading: ReadOptions = DEFAULT_READING

    def __post_init__(self) -> None:
        set_paths(self)
        set_default(self, "output_dir", results_folder(self.checkpoint, "neighbors"))
        require(bool(self.shape), "--shape1 is missing: give a file of voxels or a mesh, or a record's index")
        require(bool(self.records or self.searched_records), "--records is missing: give the records to search")
        check_fields(self)


@dataclasses.dataclass(frozen=True)
class MapConfig:
    """A picture of the latents of a set in two dimensions.

    Raises:
        UserError: a value is missing or not possible.
    """

    checkpoint: pathlib.Path = shared_flag(_CHECKPOINT, REQUIRED)
    records: str = shared_flag(RECORDS, "")
    split_name: str = shared_flag(SPLIT_NAME, "train")
    output_dir: pathlib.Path = shared_flag(OUTPUT_DIR)
    method: str = flag(
        "pca",
        "How --phase=map lays out latents: along their two main directions, or by t-SNE (scikit-learn).",
        name="map",
        choices=MAPS,
    )
    max_shapes: int = flag(
        2000, "The most shapes on a map; of more, as many are taken, evenly spread.", name="map_shapes", at_least=3
    )
    seed: int = shared_flag(SEED)

    def __post_init__(self) -> None:
        set_paths(self)
        set_default(self, "output_dir", results_folder(self.checkpoint, "map"))
        require(bool(self.records), "--records is missing: give the records of the shapes to draw")
        check_fields(self)


@dataclasses.dataclass(frozen=True)
class ExploreConfig:
    """A page on which a checkpoint's latent space is explored.

    Attributes:
        records: the training shapes; empty where they are not shown.
        prior: None for a mixture where one is stored or can be fitted.
        files: the bodies and the size of downloaded meshes.
        reading: how uploaded meshes are read, at the model's resolution.

    Raises:
        UserError: a value is not possible.
    """

    checkpoint: pathlib.Path = shared_flag(_CHECKPOINT, REQUIRED)
    records: str = shared_flag(RECORDS, "")
    split_name: str = shared_flag(SPLIT_NAME, "train")
    prior: str | None = shared_flag(_PRIOR)
    refinements: int = shared_flag(_REFINEMENTS)
    threshold: float = shared_flag(_THRESHOLD)
    seed: int = shared_flag(SEED)
    files: ShapeFilesConfig = NO_FILES
    reading: ReadOptions = DEFAULT_READING
    host: str = flag(
        "127.0.0.1",
        "Address that it listens at; 0.0.0.0 for all addresses of this machine. There is no password.",
        empty="give an address, such as 127.0.0.1",
    )
    port: int = flag(0, "Port of the page that --phase=explore serves; 0: any that is free.", at_least=0, at_most=65535)
    upload_mb: int = flag(20, "The most megabytes of a shape that is uploaded.", at_least=1, at_most=256)
    browser: bool = flag(False, "Opens the page in this machine's browser.")

    def __post_init__(self) -> None:
        set_paths(self)
        check_fields(self)
