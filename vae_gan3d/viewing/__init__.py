"""Pictures, plots and pages. Needs no display."""

import contextlib
import os
import sys

if "matplotlib" not in sys.modules:
    # matplotlib fails to import if MPLBACKEND names an unknown backend; we need no backend.
    backend = os.environ.pop("MPLBACKEND", None)
    import matplotlib

    if backend is not None:
        os.environ["MPLBACKEND"] = backend
        with contextlib.suppress(ValueError):
            matplotlib.rcParams["backend"] = backend
