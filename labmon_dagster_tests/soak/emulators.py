"""The devices of RICOCHET's simulated lab for a soak: `labmon emulate ricochet`, whose faults can be ended.

`python -m labmon_dagster_tests.soak.emulators SETTINGS`, where the settings are JSON: see `Settings`.
SIGUSR1 ends the faults; the devices go on, and their replies are numbered on. Beside the log of replies
there is one of requests: a line for each with the fault that its reply was to have (a silent device sends
none), and one for each spoilt reply, with its bytes.
"""

from __future__ import annotations

import asyncio
import base64
import json
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from labmon_dagster.running.instruments import Emulated, Manners, Place, serve
from labmon_dagster.sources.emulation.faults import Behaviour, Fault
from labmon_dagster.sources.emulation.instrument import Instrument, Reply

Tell = Callable[[dict[str, Any]], None]


class Settings(msgspec.Struct):
    """What is emulated and where (NAME=HOST:PORT), with which faults, and where it is noted."""

    places: list[str]
    rate: float
    seed: int
    replies: str
    requests: str


@dataclass
class Watched(Behaviour):
    """Tells of each request which fault it meets, and of the garbage that is sent."""

    tell: Tell = print

    def next(self) -> Fault:
        """Give the fault of the next reply."""
        fault = super().next()
        self.tell({"asked": time.time_ns(), "fault": fault.value})
        return fault

    def garbage(self, length: int) -> bytes:
        """Give as many random bytes."""
        spoilt = super().garbage(length)
        self.tell(_spoilt(spoilt, Fault.GARBAGE))
        return spoilt


class Spoiling:
    """An instrument that tells of the replies it cuts short or makes too long."""

    def __init__(self, inner: Instrument, tell: Tell) -> None:
        self._inner: Instrument
        object.__setattr__(self, "_inner", inner)
        object.__setattr__(self, "_tell", tell)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._inner, name, value)

    def reply(self, request: bytes) -> Reply | None:
        """Answer a request."""
        return self._inner.reply(request)

    def half(self, payload: bytes) -> bytes:
        """Give a reply cut short."""
        spoilt = self._inner.half(payload)
        self._tell(_spoilt(spoilt, Fault.HALF))
        return spoilt

    def too_long(self, payload: bytes) -> bytes:
        """Give a reply of wrong length."""
        spoilt = self._inner.too_long(payload)
        self._tell(_spoilt(spoilt, Fault.WRONG_LENGTH))
        return spoilt


@dataclass(frozen=True)
class Told(Emulated):
    """A device whose instrument tells of what it spoils."""

    tell: Tell = print

    def instrument(self, seed: int) -> Instrument:
        """Make one."""
        return Spoiling(super().instrument(seed), self.tell)


@dataclass(frozen=True)
class Controlled(Manners):
    """Behaviours that can be told to be good from now on."""

    tells: tuple[Tell, ...] = ()
    made: list[Behaviour] = field(default_factory=list)

    def behaviour(self, number: int) -> Behaviour:
        """Give the behaviour of the n-th device."""
        one = Watched(Fault.NONE, self.rate, seed=self.seed + number, tell=self.tells[number])
        self.made.append(one)
        return one

    def calm(self) -> None:
        """End the faults."""
        for one in self.made:
            one.rate = 0.0


def _spoilt(payload: bytes, fault: Fault) -> dict[str, Any]:
    return {"spoilt": base64.b64encode(payload).decode(), "fault": fault.value, "at": time.time_ns()}


def _telling(log: Any, name: str) -> Tell:
    return lambda said: print(json.dumps({"device": name, **said}), file=log)


async def emulate(settings: Settings) -> None:
    """Serve until SIGINT or SIGTERM."""
    with Path(settings.requests).open("a", buffering=1) as log:
        asked = [Place.parse(one) for one in settings.places]
        tells = tuple(_telling(log, one.emulated.name) for one in asked)
        places = [
            Place(Told(**{f: getattr(one.emulated, f) for f in Emulated.__slots__}, tell=tell), *_at(one))
            for one, tell in zip(asked, tells, strict=True)
        ]
        manners = Controlled(rate=settings.rate, seed=settings.seed, log=Path(settings.replies), tells=tells)
        serving = asyncio.create_task(serve(places, manners, _ready))
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGUSR1, manners.calm)
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, serving.cancel)
        with suppress(asyncio.CancelledError):
            await serving


def _at(place: Place) -> tuple[str, int]:
    return place.host, place.port


def _ready(places: list[Place]) -> None:
    sys.stdout.write("".join(f"{one.emulated.name}: {one.host}:{one.port}\n" for one in places))
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(emulate(msgspec.json.decode(sys.argv[1], type=Settings)))
