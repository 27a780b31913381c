"""Every absl flag, one file a group. Nothing outside this folder reads FLAGS: it gives frozen dataclasses."""

from flags.installation import require_packages

require_packages()
