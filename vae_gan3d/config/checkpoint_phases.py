"""What the phases that use a trained checkpoint do: interpolation, sampling, evaluation."""

import dataclasses
import pathlib

from vae_gan3d.checks import LARGEST_SEED, require, require_at_least, require_between, require_choice, require_finite
from vae_gan3d.config.export import NO_FILES, ShapeFilesConfig
from vae_gan3d.voxels.read_options import DEFAULT_READING, ReadOptions

PRIORS = ("normal", "mixture")
INTERPOLATIONS = ("linear", "slerp")


@dataclasses.dataclass(frozen=True)
class TestConfig:
    """Interpolation between shapes with a trained checkpoint.

    Attributes:
        checkpoint: a checkpoint's prefix, or a run folder (its newest).
        shape1, shape2: a voxel file each, or the index of a record; both empty where `shapes` are given.
        records: where record indices count; only needed for those.
        split_name: which set of a folder of records is read.
        output_dir: where the results go.
        alpha: the share of the first shape in v = α v0 + (1 - α) v1.
        steps: values of α from 0 to 1 along a path, or along each stretch of one; 0 means `alpha` alone.
        text_slices: also writes each result as text, slice by slice.
        sample_posterior: adds the encoder's noise to its means.
        threshold: voxels above this probability count as occupied.
        seed: of that noise.
        interpolation: `linear` or `slerp`, the path between two latents.
        shapes: two or more files or indices in place of `shape1` and `shape2`: the path goes through all in order.
        project: steps of the optimisation that improves the latents which the encoder gives; 0 for none.
        class1, class2: the classes of `shape1` and `shape2` for a conditional model, where they are files; else empty.
        files: what is written of each shape beside the pictures.
        reading: how mesh files are read, at the model's resolution.
    """

    __test__ = False  # keeps pytest from collecting a class of this name

    checkpoint: pathlib.Path
    shape1: str
    shape2: str
    records: str
    split_name: str
    output_dir: pathlib.Path
    alpha: float
    steps: int
    text_slices: bool
    sample_posterior: bool
    threshold: float
    seed: int
    interpolation: str = "linear"
    shapes: tuple[str, ...] = ()
    project: int = 0
    class1: str = ""
    class2: str = ""
    files: ShapeFilesConfig = NO_FILES
    reading: ReadOptions = DEFAULT_READING

    def __post_init__(self) -> None:
        self._check_shapes()
        for flag, shape, name in (("class1", self.shape1, self.class1), ("class2", self.shape2, self.class2)):
            require(
                not name or (bool(shape) and not shape.isdecimal()),
                f"--{flag}={name} is for a file given with --shape{flag[-1]}; a record knows its class: leave it out",
            )
        require_finite("alpha", self.alpha)
        require_choice("interpolation", self.interpolation, INTERPOLATIONS)
        require(self.steps == 0 or self.steps >= 2, f"--steps={self.steps}: a path needs 2 values of alpha or more")
        require_at_least("project", self.project, 0)
        require(
            not (self.project and self.sample_posterior),
            f"--sample_posterior adds noise that --project={self.project} would take away: leave out one of the two",
        )
        require(0 < self.threshold < 1, f"--threshold={self.threshold} must lie between 0 and 1")
        require_between("seed", self.seed, 0, LARGEST_SEED)

    def _check_shapes(self) -> None:
        """Refuses shapes that are missing, or named in two ways."""
        if not self.shapes:
            require(
                bool(self.shape1 or self.shape2),
                "--shape1 is missing: python test.py --checkpoint=RUN --shape1=A.mat --shape2=B.mat mixes two shapes, "
                "each a file of voxels or a mesh, or a record's index; --phase=sample --checkpoint=RUN needs none",
            )
            for flag in ("shape1", "shape2"):
                given = bool(getattr(self, flag))
                require(given, f"--{flag} is missing: give a file of voxels or a mesh, or a record's index")
            return
        require(
            not (self.shape1 or self.shape2),
            "--shapes stands in place of --shape1 and --shape2: leave those out, or --shapes",
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
        checkpoint: a checkpoint's prefix, or a run folder (its newest).
        output_dir: where the results go.
        count: how many shapes.
        threshold: voxels above this probability count as occupied.
        seed: of the draws, and of fitting a prior.
        prior: `normal`, `mixture`, or None: a mixture where one is stored or can be fitted.
        refinements: passages of each latent through generator and encoder before its shape is generated.
        classes: the classes that are drawn of, or `("all",)`.
        records: the training records, to fit a prior on where none is stored; empty where there are none.
        split_name: which set of a folder of records is read.
        files: what is written of each shape beside the pictures.
    """

    checkpoint: pathlib.Path
    output_dir: pathlib.Path
    count: int
    threshold: float
    seed: int
    prior: str | None = None
    refinements: int = 1
    classes: tuple[str, ...] = ("all",)
    records: str = ""
    split_name: str = "train"
    files: ShapeFilesConfig = NO_FILES

    def __post_init__(self) -> None:
        require_at_least("samples", self.count, 1)
        require_at_least("refinements", self.refinements, 0)
        require(bool(self.classes), "--classes is empty: give a class, a comma list, or all")
        if self.prior is not None:
            require_choice("prior", self.prior, PRIORS)
        require(0 < self.threshold < 1, f"--threshold={self.threshold} must lie between 0 and 1")
        require_between("seed", self.seed, 0, LARGEST_SEED)

    @property
    def chosen_classes(self) -> tuple[str, ...] | None:
        """The classes that are drawn of; None for all."""
        return None if self.classes == ("all",) else self.classes


@dataclasses.dataclass(frozen=True)
class EvaluateConfig:
    """Measures of a checkpoint.

    Attributes:
        checkpoint: a checkpoint's prefix, or a run folder (its newest).
        records: the test shapes: a file, a folder or a pattern.
        split_name: which set of a folder of test records is read.
        train_records: the shapes that the model was trained on, likewise; empty takes those beside the test shapes.
        train_split_name: which set of a folder of training records is read.
        output_dir: where the results go.
        max_samples: the most samples that are drawn, and test shapes that they are compared with.
        chamfer_shapes: how many shapes of each set the Chamfer distance is taken of; 0 leaves it out.
        prior: `mixture` or `normal`; None for a mixture where one is stored or can be fitted.
        refinements: passages of each latent through generator and encoder before its shape is generated.
        threshold: voxels above this probability count as occupied.
        seed: of every draw.
        report: renews the page of the run.
    """

    checkpoint: pathlib.Path
    records: str
    split_name: str
    train_records: str
    train_split_name: str
    output_dir: pathlib.Path
    max_samples: int
    chamfer_shapes: int
    prior: str | None
    refinements: int
    threshold: float
    seed: int
    report: bool = True

    def __post_init__(self) -> None:
        require(bool(self.records), "--records is missing: give the records of the test shapes")
        require_at_least("evaluation_samples", self.max_samples, 2)
        require_at_least("chamfer_shapes", self.chamfer_shapes, 0)
        require_at_least("refinements", self.refinements, 0)
        require(self.chamfer_shapes != 1, "--chamfer_shapes=1 leaves nothing to compare: give 0, or 2 or more")
        if self.prior is not None:
            require_choice("prior", self.prior, PRIORS)
        require(0 < self.threshold < 1, f"--threshold={self.threshold} must lie between 0 and 1")
        require_between("seed", self.seed, 0, LARGEST_SEED)
