"""COSMIC detectors: their events as a dump file of one shows them, counted so that a judge can look for each.

What the n-th event is follows from the settings alone. A new run begins with each hour. Counters and TDC
registers have their bytes swapped, as in the published dump; TDC "1" of detector 0 is not calibrated. The
key ``Serial``, which real detectors do not have, numbers the events of all detectors together.
"""

from __future__ import annotations

import hashlib
import json
import random
import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import count as counted
from typing import Any

SECOND = 1_000_000_000
HOUR = 3600 * SECOND
FIRST_RUN = 900_000
_EPOCH = 946_684_800  # s from 1970 to 2000, which the clock of a detector counts from
_BLOCK = 600 * SECOND
_COUNTED_BEFORE = 389  # events since power-up when a run begins
_TRIGGERS, _SHARES = (71, 16, 1, 2, 4), (50, 30, 10, 7, 3)
_COLUMNS = 90
_CONSOLE = (
    b"MPY: soft reboot",
    b"rst:0x1 (POWERON_RESET),boot:0x13",
    b"OSError: [Errno 110] ETIMEDOUT",
    b"}",
)


@dataclass(frozen=True, slots=True)
class Made:
    """An event, as it was made: ``text`` is what the detector sends, ``content`` a hash of what it says."""

    serial: int
    detector: int
    run: int
    number: int
    text: bytes
    content: str


@dataclass(frozen=True, slots=True)
class Detectors:
    """Some detectors that see ``rate`` events/s together, each in its turn.

    ``begin`` (s since 1970): when event 0 was. ``restart_every``: after so many events of a run a detector
    counts from 1 again; 0: it does not.
    """

    count: int = 3
    rate: float = 5.0
    seed: int = 0
    begin: int = 0
    restart_every: int = 0

    def __post_init__(self) -> None:
        if self.count < 1 or not 0 < self.rate <= 1e6 or self.restart_every < 0:
            raise ValueError("one detector or more, 0 < rate ≤ 1,000,000 events/s, and no restart before 1")

    @classmethod
    def going_on(cls, now: float, **settings: Any) -> tuple[Detectors, int]:
        """Give detectors whose runs and numbers follow from the hour, and the next event at ``now``."""
        made = cls(begin=int(now) // 3600 * 3600, **settings)
        return made, made.due(now)

    def due(self, now: float) -> int:
        """Give how many events were before ``now`` (s since 1970)."""
        return max(0, -(-int((now - self.begin) * SECOND) // self._period))

    def moment(self, serial: int) -> float:
        """Give when an event is (s since 1970)."""
        return self.begin + serial * self._period / SECOND

    def events(self, first: int = 0) -> Iterator[Made]:
        """Give all events from one on, without end."""
        return map(self.event, counted(first))

    def event(self, serial: int) -> Made:
        """Give one event."""
        since = self.begin * SECOND + serial * self._period
        run, detector = FIRST_RUN + since // HOUR, serial % self.count
        index = self._index(serial, detector)
        number = index % self.restart_every if self.restart_every else index
        chance = random.Random(f"{self.seed} {run} {serial}")  # noqa: S311 - values of a simulation
        said: dict[str, Any] = {
            "Epoch": _swapped(-chance.randrange(100_000) % 2**32, 4),
            "CounterClocks": _swapped(chance.randrange(2**24), 4),
            "DetectorId": detector,
            "RunNumber": run,
            "TriggerCounter": None,
            "EventCounter": _swapped((number + 1 + _COUNTED_BEFORE) % 2**32, 4),
            "ClockCount": None,
            "Format": 1,
            "EventNumber": number + 1,
            "TDC": {"1": _tdc(chance, detector > 0), "0": _tdc(chance, True)},
            "Timestamp": since // SECOND - _EPOCH,
            "TriggerBits": chance.choices(_TRIGGERS, _SHARES)[0],
            "CosmicBlock": 1 + since % HOUR // _BLOCK,
            "Serial": serial,
        }
        text = ("[" + json.dumps(said)[1:]).encode()
        return Made(serial, detector, run, number + 1, text, content(said))

    @property
    def _period(self) -> int:
        return round(SECOND / self.rate)

    def _index(self, serial: int, detector: int) -> int:
        """Count the events of the detector that the run had before this one."""
        into = (self.begin * SECOND + serial * self._period) % HOUR
        first = max(0, serial - into // self._period)  # of all detectors, in this run
        return serial // self.count - -(-(first - detector) // self.count)


def content(said: dict[str, Any]) -> str:
    """Give a hash of what an event says; the order of its keys does not matter."""
    text = json.dumps(said, sort_keys=True, separators=(",", ":"))
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


@dataclass(frozen=True, slots=True)
class Damage:
    """What happens to events on their way. Shares are from 0 to 1.

    ``duplicates``: come twice. ``reorder``: come after the next one. Of dump files only: ``wrapped``: lines
    end where a slide is full. ``garbage``: a line that is none stands before it. ``truncated``: the last
    event was cut short in its middle.
    """

    duplicates: float = 0.0
    reorder: float = 0.0
    wrapped: bool = False
    garbage: float = 0.0
    truncated: bool = False
    seed: int = 0

    def unruly(self, events: Iterable[Made]) -> Iterator[Made]:
        """Have some events come twice, and some too late."""
        chance = random.Random(f"{self.seed} unruly")  # noqa: S311 - no secret
        held: Made | None = None
        for one in events:
            if held is None and chance.random() < self.reorder:
                held = one
                continue
            yield from [one, one] if chance.random() < self.duplicates else [one]
            if held is not None:
                yield held
                held = None
        if held is not None:
            yield held

    def dump(self, events: Iterable[Made]) -> Iterator[bytes]:
        """Give the parts of a dump file, one for each event that comes."""
        chance = random.Random(f"{self.seed} garbage")  # noqa: S311 - no secret
        held = b""
        for one in self.unruly(events):
            yield from [held] if held else []
            held = _wrapped(one.text) if self.wrapped else one.text
            before = _garbage(chance) + b"\n" if chance.random() < self.garbage else b""
            held = before + held + b"\n"
        if held:
            yield held[: -len(one.text) // 2] if self.truncated else held


def _wrapped(text: bytes) -> bytes:
    lines = textwrap.wrap(text.decode(), _COLUMNS, break_long_words=False, break_on_hyphens=False)
    return "\n".join(lines).encode()


def _garbage(chance: random.Random) -> bytes:
    """Give a line of the detector's console, or one that noise on its serial line made."""
    if chance.random() < 0.5:
        return chance.choice(_CONSOLE)
    return bytes(chance.choice(range(0x80, 0x100)) for _ in range(chance.randrange(1, 40)))


def _tdc(chance: random.Random, calibrated: bool) -> dict[str, Any]:
    """Give the registers of a TDC, of 24 bits: 10 periods of calibration last ten times as long as one."""
    one = chance.randrange(2526, 2538)
    first, second = (one, 10 * one + chance.randrange(-20, 60)) if calibrated else (0xC0BC35, 0x0154BD)
    data = chance.randrange(250, 640)
    return {
        "Calib": [None, None],
        "Data": _swapped(data, 3),
        "Calib1": _swapped(first, 3),
        "Calib2": _swapped(second, 3),
    }


def _swapped(value: int, width: int) -> int:
    """Give an unsigned number of so many bytes as the detector shows it: its last byte first."""
    return int.from_bytes(value.to_bytes(width, "big")[::-1], "big")
