"""512 bytes before an HDF5 file that hold the sha256 of all that follows.

HDF5 finds its own beginning behind them (its "user block"), so that every reader of HDF5 reads the file as before. HDF5
itself finds few changed bytes, and a damaged file can end the interpreter that opens it.
"""

import hashlib
import pathlib

_MARK = b"vae_gan3d.weights sha256 "
_HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_BLOCK_BYTES = 512  # HDF5 looks for itself at 0, 512, 1024, 2048 and so on


def add_digest_block(path: pathlib.Path) -> None:
    """Puts the block before a closed HDF5 file that has none.

    Raises:
        OSError: the system refuses to read or to write.
    """
    contents = path.read_bytes()
    path.write_bytes(_block(contents) + contents)


def require_digest(path: pathlib.Path) -> None:
    """Refuses a file that is not the one that was written. One of HDF5 without the block is not looked at.

    Raises:
        OSError: the system refuses to read.
        ValueError: it is cut short or changed, or is no HDF5 file.
    """
    contents = path.read_bytes()
    if contents.startswith(_HDF5_SIGNATURE):
        return
    if not contents.startswith(_MARK):
        raise ValueError("it does not begin as an HDF5 file")
    if contents[:_BLOCK_BYTES] != _block(contents[_BLOCK_BYTES:]):
        raise ValueError("it was cut short or changed after it was written")


def _block(contents: bytes) -> bytes:
    return (_MARK + hashlib.sha256(contents).hexdigest().encode() + b"\n").ljust(_BLOCK_BYTES, b"\0")
