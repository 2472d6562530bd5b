"""A kind of device for tests: it says what a script tells it to, and counts how it is treated."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from labmon_dagster.collector.station import Station
from labmon_dagster.model import SECOND, Field
from labmon_dagster.model.devices import Address, DeviceError, DeviceSettings, Heard, Kind, Said, Unasked

Answer = Callable[[int], Awaitable[Heard] | Heard]


@dataclass
class Script:
    """What a device says at its n-th poll; ``asked`` counts polls, ``closed`` and ``opened`` the rest."""

    answer: Answer
    asked: int = 0
    opened: int = 0
    closed: int = 0
    under_way: int = 0
    unasked: list[Unasked] = field(default_factory=list)


class ScriptedDevice:
    def __init__(self, script: Script, unasked: Unasked) -> None:
        self._script = script
        script.unasked.append(unasked)

    async def open(self) -> None:
        self._script.opened += 1

    async def poll(self) -> Heard:
        script = self._script
        assert script.under_way == 0, "two polls at once"
        script.under_way += 1
        try:
            script.asked += 1
            heard = script.answer(script.asked)
            return heard if isinstance(heard, Heard) else await heard
        finally:
            script.under_way -= 1

    async def close(self) -> None:
        self._script.closed += 1


def heard(text: str, **more: object) -> Heard:
    """What the device says, now."""
    return Heard(text.encode(), time.time_ns(), "text", **more)  # type: ignore[arg-type]


def counting(number: int) -> Heard:
    """Say the number of the poll."""
    return heard(str(number))


def silent(number: int) -> Heard:
    """Say nothing."""
    raise DeviceError("no answer within 1 s")


async def hanging(number: int) -> Heard:
    """Never come back."""
    await asyncio.Event().wait()
    raise AssertionError


def understand(given: Heard, settings: DeviceSettings) -> Said:
    """Numbers are values; whatever else is no answer."""
    try:
        return Said({"value": float(given.payload)}, {"value": "V"})
    except ValueError as error:
        raise ValueError(f"{given.payload!r} is no number") from error


def kind_with(script: Script) -> Kind:
    """Make the kind of a scripted device."""
    return Kind(
        "FAKE",
        "fake",
        lambda settings: (Field("value", unit="V"),),
        lambda settings, unasked: ScriptedDevice(script, unasked),
        understand,
    )


def station(script: Script, name: str = "one", poll: float | None = 1.0, asset: str = "lab/fake") -> Station:
    """Make a station of a scripted device; ``poll`` in s."""
    settings = DeviceSettings(name, "FAKE", Address("fake", "nowhere"), timeout=0.2)
    return Station(asset, settings, kind_with(script), None if poll is None else int(poll * SECOND))
