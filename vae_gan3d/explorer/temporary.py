"""Where uploads and downloads lie while a request is answered."""

import contextlib
import pathlib
import tempfile
from collections.abc import Iterator

from vae_gan3d.files import remove_leftovers, scratch_folder, write_refused


@contextlib.contextmanager
def temporary_folder() -> Iterator[pathlib.Path]:
    """A folder among the system's temporary ones, which is gone when the block ends.

    Yields:
        The folder.

    Raises:
        UserError: the system refuses to write there.
    """
    try:
        with scratch_folder(pathlib.Path(tempfile.gettempdir())) as folder:
            yield folder
    except OSError as error:
        raise write_refused(f"temporary files to {tempfile.gettempdir()}", error) from error


def remove_forgotten_folders() -> None:
    """Removes those of explorers that were killed."""
    remove_leftovers(pathlib.Path(tempfile.gettempdir()))
