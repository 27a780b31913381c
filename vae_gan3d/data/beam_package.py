"""The package that `--runner=beam` needs and nothing else does: the extra `beam`. Imports it not."""

import importlib.util

from vae_gan3d.errors import UserError


def require_beam() -> None:
    """Refuses to write with Apache Beam where it is not there.

    Raises:
        UserError: it is not installed.
    """
    if importlib.util.find_spec("apache_beam") is None:
        raise UserError(
            "--runner=beam needs Apache Beam, in an environment of its own: "
            "pip install --require-hashes -r requirements-beam.lock (docs/SHAPES.md)"
        )
