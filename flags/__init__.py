"""Every absl flag, one file a group. Nothing outside this folder reads FLAGS: it gives frozen dataclasses."""

from flags.installation import require_packages
from flags.interrupts import leave_in_one_line

leave_in_one_line()
require_packages()
