"""How instruments misbehave, and when: always in one way, or now and then at random by a seed."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from enum import StrEnum


class Fault(StrEnum):
    """What may be wrong with a reply."""

    NONE = "none"
    SILENCE = "silence"
    GARBAGE = "garbage"
    HALF = "half"
    WRONG_LENGTH = "wrong-length"
    LATE = "late"
    DISCONNECT = "disconnect"
    SLOW = "slow"
    ALARM = "alarm"


@dataclass
class Behaviour:
    """Which fault the next reply has: ``always`` that one, or one of ``among`` in a share ``rate`` of them.

    ``late`` and ``slow`` are s of delay. Faults may be changed while the instrument is served.
    """

    always: Fault = Fault.NONE
    rate: float = 0.0
    among: tuple[Fault, ...] = tuple(fault for fault in Fault if fault is not Fault.NONE)
    late: float = 2.5
    slow: float = 0.3
    seed: int = 0
    _random: random.Random = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)  # noqa: S311 - no secret

    def next(self) -> Fault:
        """Give the fault of the next reply."""
        if self.rate and self._random.random() < self.rate:
            return self._random.choice(self.among)
        return self.always

    def garbage(self, length: int) -> bytes:
        """Give as many random bytes."""
        return self._random.randbytes(max(1, length))
