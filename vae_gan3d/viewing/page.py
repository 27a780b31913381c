"""Pages of one file: a template with its scripts, styles and data written into it, so that nothing is loaded."""

import html
import importlib.resources
import json
import re
from collections.abc import Mapping
from typing import Any

_PLACE = re.compile(r"\{\{(\w+)\}\}")


def web_file(name: str) -> str:
    """The text of a file of `viewing/web/`."""
    return importlib.resources.files("vae_gan3d.viewing").joinpath("web", name).read_text(encoding="utf-8")


def fill_template(template: str, parts: Mapping[str, str]) -> str:
    """Puts texts in the places of a template's `{{name}}`; what looks like a place within a text stays as it is.

    Args:
        template: HTML.
        parts: HTML, scripts and styles by name; other texts must have gone through `escaped` or `script_json`.

    Raises:
        KeyError: a place has no text.
    """
    return _PLACE.sub(lambda place: parts[place.group(1)], template)


def escaped(text: str) -> str:
    """Any text as HTML that shows it, also as an attribute in quotes."""
    return html.escape(text, quote=True)


def script_json(value: Any) -> str:  # noqa: ANN401 (whatever JSON holds)
    """A value as JSON that can stand within a script element: no text in it can end the element.

    Args:
        value: numbers, texts, None, and mappings and lists of them.

    Raises:
        ValueError: a number is NaN or infinite, which JSON has not.
    """
    text = json.dumps(value, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
