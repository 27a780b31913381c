"""Makes absl flags from the fields of configurations, and configurations from the flags that were given."""

import dataclasses
import pathlib
import sys
import typing
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from absl import flags as absl_flags

from vae_gan3d.config.fields import Flag, field_flags, field_types
from vae_gan3d.errors import UserError
from vae_gan3d.files import expand_path

FLAGS = absl_flags.FLAGS
ConfigT = TypeVar("ConfigT")
_KINDS = {int: "integer", float: "number", bool: "switch", pathlib.Path: "path"}
# Flags of all scripts that were imported, and the clear name of each alias.
DEFINED: dict[str, Flag] = {}
ALIASES: dict[str, str] = {}


class PathParser(absl_flags.ArgumentParser):
    """Takes a path, a pattern, or a comma list of them, with `~` and `$HOME` as a shell expands them."""

    def __init__(self, *, is_list: bool = False) -> None:
        """Args: is_list: every item of a comma list can begin with `~`, not only the first."""
        self._is_list = is_list

    def parse(self, argument: Any) -> str:  # noqa: ANN401 (absl's own)
        """The expanded text.

        Raises:
            UserError: it names a user or a variable that does not exist.
        """
        return ",".join(map(expand_path, argument.split(",") if self._is_list else [argument]))

    def flag_type(self) -> str:
        """What `--help` and messages call it."""
        return "path"


class _ReplacingFlag(absl_flags.Flag):
    """A flag that resets another one, so that the later of the two counts and overrides a preset."""

    def __init__(self, replaced: str, *arguments: Any) -> None:  # noqa: ANN401 (absl's own)
        super().__init__(*arguments)
        self._replaced = replaced

    def parse(self, argument: str | int | None) -> None:
        super().parse(argument)
        if self._replaced in FLAGS:
            FLAGS[self._replaced].unparse()


def flags_of(config: Any) -> list[Flag]:  # noqa: ANN401 (the class of any configuration)
    """All flags of a configuration and of the configurations in it, with their names and kinds, in order."""
    found: dict[str, Flag] = {}
    types = field_types(config)
    for field in dataclasses.fields(config):
        if dataclasses.is_dataclass(types[field.name]):
            found |= {flag.name: flag for flag in flags_of(types[field.name])}
        for flag in field_flags(field).values():
            is_list = typing.get_origin(types[field.name]) is tuple
            kind = flag.kind or ("list" if is_list else _KINDS.get(types[field.name], "text"))
            kind = "switch" if flag.switch else kind
            found.setdefault(flag.name, dataclasses.replace(flag, kind=kind))
    return list(found.values())


def define_flags(flags: Sequence[Flag]) -> None:
    """Defines absl flags, with their aliases; those that are defined stay as they are."""
    for flag in flags:
        if flag.name in DEFINED:
            continue
        DEFINED[flag.name] = flag
        default = _absl_default(flag)
        serializer: absl_flags.ArgumentSerializer[Any] = absl_flags.ArgumentSerializer()
        if flag.kind == "switch":
            absl_flags.DEFINE_boolean(flag.name, default, flag.help, module_name=__name__)
        elif flag.kind in ("path", "paths"):
            parser = PathParser(is_list=flag.kind == "paths")
            absl_flags.DEFINE(parser, flag.name, default, flag.help, serializer=serializer, module_name=__name__)
        elif flag.replaces:
            made = _ReplacingFlag(flag.replaces, absl_flags.IntegerParser(), serializer, flag.name, default, flag.help)
            absl_flags.DEFINE_flag(made, module_name=__name__)
        elif flag.kind == "integer":
            absl_flags.DEFINE_integer(flag.name, default, flag.help, module_name=__name__)
        elif flag.kind == "number":
            absl_flags.DEFINE_float(flag.name, default, flag.help, module_name=__name__)
        elif flag.kind == "text" and flag.choices:
            absl_flags.DEFINE_enum(flag.name, default, tuple(map(str, flag.choices)), flag.help, module_name=__name__)
        else:
            absl_flags.DEFINE_string(flag.name, default, flag.help, module_name=__name__)
        for alias in flag.aliases:
            ALIASES[alias] = flag.name
            absl_flags.DEFINE_alias(alias, flag.name, module_name=__name__)


def _absl_default(flag: Flag) -> Any:  # noqa: ANN401 (whatever the flag holds)
    """The default as the command line writes it."""
    if flag.switch:
        return flag.default == flag.switch[True]
    if isinstance(flag.default, tuple):
        return ",".join(map(str, flag.default))
    return str(flag.default) if isinstance(flag.default, pathlib.Path) else flag.default


def from_flags(config: Callable[..., ConfigT], **given: Any) -> ConfigT:  # noqa: ANN401 (values of its fields)
    """A configuration with the values of its flags.

    Args:
        config: its class.
        **given: fields whose values are not taken from flags.

    Raises:
        UserError: a flag is missing or holds a bad value.
    """
    values = dict(given)
    config_class: Any = config
    types = field_types(config_class)
    for field in dataclasses.fields(config_class):
        if field.name in given:
            continue
        if dataclasses.is_dataclass(types[field.name]):
            values[field.name] = from_flags(types[field.name])
            continue
        flags = field_flags(field)
        found = {key: _field_value(flag, types[field.name]) for key, flag in flags.items() if is_given(flag.name)}
        if "" in found:
            values[field.name] = found[""]
        elif found:
            values[field.name] = {key: pathlib.Path(path) for key, path in found.items()}
    return config(**values)


def is_given(name: str) -> bool:
    """Whether a flag has a value: where it has no default, an empty text is none."""
    return FLAGS[name].value is not None and not (FLAGS[name].value == "" and FLAGS[name].default is None)


def _field_value(flag: Flag, field_type: Any) -> Any:  # noqa: ANN401 (of any type)
    """The value of a flag as its field holds it."""
    value: Any = FLAGS[flag.name].value
    if flag.switch:
        return flag.switch[bool(value)]
    if field_type is pathlib.Path:
        return pathlib.Path(value)
    if typing.get_origin(field_type) is not tuple:
        return value
    items = comma_list(value)
    if typing.get_args(field_type)[0] is not int:
        return items
    try:
        numbers = tuple(int(item) for item in items)
    except ValueError as error:
        raise UserError(
            f"--{flag.name}={value} is not a comma list of whole numbers: give one such as 16,32"
        ) from error
    if not numbers:
        raise UserError(f"--{flag.name}={value} is empty: give whole numbers such as 16,32")
    return numbers


def comma_list(text: str) -> tuple[str, ...]:
    """The items of a comma list, without the spaces around them; empty ones are left out."""
    return tuple(item.strip() for item in text.split(",") if item.strip())


def names_given(arguments: Sequence[str] | None = None) -> set[str]:
    """The clear names of the flags that stand on a command line itself, not in a file of flags.

    Args:
        arguments: the command line without the script's name; by default this process's.
    """
    return {ALIASES.get(word, word) for word in words_given(sys.argv[1:] if arguments is None else arguments)}


def words_given(arguments: Sequence[str]) -> Iterator[str]:
    """The names of flags on a command line, as they are written there, without dashes."""
    return (word.lstrip("-").split("=")[0] for word in arguments if word.startswith("-"))
