"""What the commands `python -m vae_gan3d...` have in common, which are no root scripts and need no absl."""

import argparse
from typing import NoReturn

from vae_gan3d.errors import UserError


class OneLineParser(argparse.ArgumentParser):
    """A parser that reports a bad word as a `UserError`, so that it takes one line like every other error."""

    def error(self, message: str) -> NoReturn:
        """Refuses a command line.

        Raises:
            UserError: always.
        """
        raise UserError(f"{message}; see --help")
