"""What becomes of a damaged file."""

import dataclasses

FAILURES = ("hung", "crashed", "memory", "traceback", "wrong")
OUTCOMES = ("read", "refused", *FAILURES)


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What became of one file.

    Attributes:
        name: one of `OUTCOMES`: `read` as something that can be so, `refused` in one line; ended by its limit of
            time, by a crash or by its limit of memory; an exception that is no refusal; or an answer that is wrong.
        reason: what was said.
    """

    name: str
    reason: str
