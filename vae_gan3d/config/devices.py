"""On how many devices a run trains, and in how many parts a batch."""

import dataclasses

from vae_gan3d.checks import require_at_least, require_choice

STRATEGIES = ("auto", "single", "mirrored", "multi_worker")


@dataclasses.dataclass(frozen=True)
class DevicesConfig:
    """The devices of a run.

    Attributes:
        strategy: `single`; `mirrored`, all devices of this machine; `multi_worker`, those of the machines that
            `TF_CONFIG` names; or `auto`, which of these there are devices for.
        accumulate: parts of a batch that each device goes through, one after the other.
        listen: allows the port that `multi_worker` opens.
    """

    strategy: str = "auto"
    accumulate: int = 1
    listen: bool = False

    def __post_init__(self) -> None:
        require_choice("strategy", self.strategy, STRATEGIES)
        require_at_least("accumulate", self.accumulate, 1)
