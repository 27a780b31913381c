"""Pictures, curves, sheets and pages, all drawn without a display."""

import contextlib
import os
import sys

if "matplotlib" not in sys.modules:
    # Its import fails where MPLBACKEND names no backend, and nothing here needs one.
    backend = os.environ.pop("MPLBACKEND", None)
    import matplotlib

    if backend is not None:
        os.environ["MPLBACKEND"] = backend
        with contextlib.suppress(ValueError):
            matplotlib.rcParams["backend"] = backend
