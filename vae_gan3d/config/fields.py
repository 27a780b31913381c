"""How a field of a configuration becomes a command-line flag, and the checks that its values must pass.

Everything about a flag stands in its field: `epochs: int = flag(100, "The epoch to train up to.", at_least=1)`. The
folder `flags/` reads it from there for the command line and for `--help`; `check_fields` reads it to refuse bad values.
"""

import dataclasses
import math
import pathlib
import typing
from collections.abc import Mapping
from typing import Any

from vae_gan3d.data.grids import RESOLUTIONS
from vae_gan3d.errors import UserError
from vae_gan3d.text import choices_text

# Above these, products of counts leave 64 bits, and NumPy refuses the seed.
LARGEST_COUNT = 2**31 - 1
LARGEST_SEED = 2**32 - 1


@dataclasses.dataclass(frozen=True)
class Flag:
    """What the command line and the help pages need to know of a flag, and what its values must be.

    Attributes:
        default: the value where the flag is not given; None where the configuration chooses one.
        help: what it does, with its unit.
        name: without dashes; empty for the name of the field.
        aliases: older names.
        choices: the values that are possible; of a list, the possible items.
        default_text: how the help names the default where `default` does not say it.
        kind: `integer`, `number`, `switch`, `text`, `list`, `path` or `paths`, a list of paths; empty for what the
            field's type says.
        switch: the field's values for `--noNAME` and `--NAME` where these are not False and True.
        replaces: another flag that goes back to its default where this one is given later.
        at_least, at_most, above, below: bounds of a number.
        empty: what to give, where an empty value is refused.
        not_for_gan: whether it has no effect with `--model=gan`, which has no encoder and no steps without adversary.
    """

    default: Any
    help: str
    name: str = ""
    aliases: tuple[str, ...] = ()
    choices: tuple[str | int, ...] = ()
    default_text: str = ""
    kind: str = ""
    switch: tuple[str, str] | None = None
    replaces: str = ""
    at_least: float | None = None
    at_most: float | None = None
    above: float | None = None
    below: float | None = None
    empty: str = ""
    not_for_gan: bool = False

    @property
    def range_text(self) -> str:
        """The bounds in words, such as `0 or more`; empty where there are none."""
        if self.at_least is not None and self.at_most is not None:
            return f"from {self.at_least:.10g} to {self.at_most:.10g}"
        low = f"{self.at_least:.10g} or more" if self.at_least is not None else ""
        low = f"above {self.above:.10g}" if self.above is not None else low
        high = f"below {self.below:.10g}" if self.below is not None else ""
        return " and ".join(part for part in (low, high) if part)

    def check(self, value: Any) -> None:  # noqa: ANN401 (whatever the field holds)
        """Refuses a value that the flag cannot have. None is what a flag that is not given may be.

        Raises:
            UserError: names the flag, the value and what to give.
        """
        if self.empty:
            require(bool(value), f"--{self.name} is empty: {self.empty}")
        for item in value if isinstance(value, tuple) else (value,):
            if item is not None and self.choices:
                choices = tuple(map(str, self.choices))
                require(item in self.choices, f"--{self.name}={item} is not known: {choices_text(str(item), choices)}")
            elif isinstance(item, int | float) and not isinstance(item, bool):
                self._check_number(item)
            elif item is not None and self.range_text:
                raise UserError(f"--{self.name}={item} is not a number: give one")

    def _check_number(self, value: float) -> None:
        require(math.isfinite(value), f"--{self.name}={value} is not a finite number: give one")
        inside = (
            (self.at_least is None or value >= self.at_least)
            and (self.at_most is None or value <= self.at_most)
            and (self.above is None or value > self.above)
            and (self.below is None or value < self.below)
        )
        only_at_least = self.at_least is not None and self.at_most is None and self.below is None
        fault = "is too small: give" if only_at_least else "is out of range: give a number"
        require(inside, f"--{self.name}={value} {fault} {self.range_text}")
        if only_at_least:
            require(value <= LARGEST_COUNT, f"--{self.name}={value} is too large: give {LARGEST_COUNT} or less")


# A field without a default has this one.
REQUIRED = dataclasses.MISSING


def flag(default: Any, help: str, **about: Any) -> Any:  # noqa: ANN401 (a field, which stands for a value of any type)
    """A field of a configuration that is a flag of the command line.

    Args:
        default: of the field and of the flag; `REQUIRED` for a field that has none.
        help: what it does, with its unit.
        **about: see `Flag`.
    """
    of_flag = None if default is REQUIRED or default in ((), "") else default
    return shared_flag(Flag(of_flag, help, **about), default)


def shared_flag(shared: Flag, default: Any = None, **about: Any) -> Any:  # noqa: ANN401
    """A field whose flag other configurations have too.

    Args:
        shared: the flag.
        default: of the field, where the flag is not given and has no default itself.
        **about: what else this field asks of its values, see `Flag`.
    """
    shared = dataclasses.replace(shared, **about) if about else shared
    default = shared.default if default is None else default
    return dataclasses.field(default=default, metadata={"flags": {"": shared}})


def flags_by_key(**by_key: Flag) -> Any:  # noqa: ANN401
    """A field that is a mapping, with a flag for each of its keys."""
    return dataclasses.field(default_factory=dict, metadata={"flags": by_key})


def field_flags(field: "dataclasses.Field[Any]") -> dict[str, Flag]:
    """The flags of a field, with their names: none, one with the key "", or one for each key of a mapping."""
    flags: Mapping[str, Flag] = field.metadata.get("flags", {})
    return {key: dataclasses.replace(found, name=found.name or field.name) for key, found in flags.items()}


def field_types(config: type) -> dict[str, Any]:
    """The types of the fields of a configuration, by name; that of `int | None` is `int`."""
    hints = typing.get_type_hints(config)
    return {name: next((arg for arg in typing.get_args(hint) if arg is not type(None)), hint)
            if type(None) in typing.get_args(hint) else hint for name, hint in hints.items()}  # fmt: skip


def check_fields(config: Any) -> None:  # noqa: ANN401 (any dataclass)
    """Refuses values that the flags of a configuration's fields cannot have; called when it is built.

    Raises:
        UserError: names the flag, the value and what to give.
    """
    for field in dataclasses.fields(config):
        if "flags" in field.metadata:
            for key, found in field_flags(field).items():
                if not key and found.switch is None:
                    found.check(getattr(config, field.name))


def set_paths(config: Any) -> None:  # noqa: ANN401
    """Makes paths of the texts that a configuration was given for them, while it is built."""
    for name, kind in field_types(type(config)).items():
        value = getattr(config, name)
        if kind is pathlib.Path and isinstance(value, str):
            object.__setattr__(config, name, pathlib.Path(value))


def set_default(config: Any, name: str, value: Any) -> None:  # noqa: ANN401
    """Gives a field of a frozen configuration its value where it is None, while the configuration is built."""
    if getattr(config, name) is None:
        object.__setattr__(config, name, value)


def require(condition: bool, message: str) -> None:
    """Refuses with a message unless a condition holds.

    Raises:
        UserError: it does not.
    """
    if not condition:
        raise UserError(message)


# Flags that several configurations have.
RECORDS = Flag(None, "Records: a file, a folder or a pattern.", "records", ("record_dir",), kind="path")
SPLIT_NAME = Flag(
    None,
    "Name of a set of records, SPLIT_NAME.tfrecords: which one of a folder is read, or how the one is called that "
    "create_tf_record.py writes.",
    "split_name",
    default_text="train; with --phase=evaluate, or when create_tf_record.py reads test shapes, test",
)
OUTPUT_DIR = Flag(
    None,
    "Folder for the records, or for the results of a phase.",
    "output_dir",
    ("TFRECORD_DIR", "save_dir"),
    default_text="of results, a folder beside the checkpoint; results of pretrained go to runs/pretrained/",
)
RESOLUTION = Flag(
    None,
    "Voxels a side. A training step at 64 takes about eight times as long as at 32. For create_tf_record.py: the "
    "largest resolution that it stores.",
    "resolution",
    ("len_x", "cube_len"),
    choices=RESOLUTIONS,
    default_text="32, for 3dgan 64; for create_tf_record.py as the files are",
)
CLASSES = Flag(
    "all",
    "A class, a comma list of classes, or all: the classes that create_tf_record.py reads, in the order of their "
    "labels, or that --phase=sample draws.",
    "classes",
    ("name",),
    empty="give a class, a comma list, or all",
)
SEED = Flag(
    0,
    "Seed of the first weights, of the order of the shapes and of all random numbers.",
    "seed",
    at_least=0,
    at_most=LARGEST_SEED,
)
REPORT = Flag(
    True, "Renews RUN/report.html, the page of the run, at each checkpoint and after --phase=evaluate.", "report"
)
