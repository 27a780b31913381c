"""The package that the explorer needs and nothing else does: the extra `explore`. Imports it not."""

import importlib.util

from vae_gan3d.errors import UserError


def require_explorer_packages() -> None:
    """Refuses the phase where its package is not there.

    Raises:
        UserError: it is not installed.
    """
    if importlib.util.find_spec("werkzeug") is None:
        raise UserError("--phase=explore needs werkzeug: pip install werkzeug")
