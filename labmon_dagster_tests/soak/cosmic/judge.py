"""Whether MongoDB holds every event that the broker acknowledged, once, and nothing that nobody published.

It knows the emulator's log and what pymongo reads: nothing that labmon understands events with.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from labmon_dagster.sources.cosmic.emulator import content

Row: TypeAlias = Mapping[str, Any]
_SHOWN = 5
_2000 = datetime(2000, 1, 1, tzinfo=UTC)


class Key(NamedTuple):
    """An event of the emulator: no two have the same serial."""

    detector: int
    serial: int


class Told(NamedTuple):
    """What the log says of an event."""

    run: int
    number: int
    content: str


@dataclass(slots=True)
class Published:
    """What the broker has acknowledged; ``lines``: how often, with what was published twice."""

    events: dict[Key, Told] = field(default_factory=dict)
    lines: int = 0

    @classmethod
    def read(cls, log: Path) -> Published:
        """Read the emulator's log."""
        found = cls()
        with log.open() as lines:
            for line in lines:
                one = json.loads(line)
                told = Told(one["run"], one["number"], one["content"])
                found.events[Key(one["detector"], one["serial"])] = told
                found.lines += 1
        return found

    @property
    def reused(self) -> int:
        """How many events have a number that another event of the same run and detector has had before."""
        numbers = {(key.detector, told.run, told.number) for key, told in self.events.items()}
        return len(self.events) - len(numbers)


@dataclass(slots=True)
class Found:
    """What is in the database: counts, and each promise that was broken, of many alike the first ones."""

    documents: int = 0
    lost: int = 0
    twice: int = 0
    invented: int = 0
    altered: int = 0
    broken: list[str] = field(default_factory=list)


def judge(rows: Iterable[Row], published: Published) -> Found:
    """Compare the documents of the collection with the log."""
    found, times = Found(), Counter[Key]()
    altered: list[str] = []
    for row in rows:
        found.documents += 1
        key = Key(row.get("raw", {}).get("DetectorId"), row.get("raw", {}).get("Serial"))
        times[key] += 1
        if key in published.events and (wrong := list(_altered(row, key, published.events[key]))):
            found.altered += 1
            altered.append(f"{row['_id']}: {'; '.join(wrong)}")
    lost = [key for key in published.events if key not in times]
    twice = [key for key, number in times.items() if number > 1]
    invented = [key for key in times if key not in published.events]
    found.lost, found.twice, found.invented = len(lost), len(twice), len(invented)
    found.broken = [
        *_few(f"{key} was acknowledged, and is not there" for key in lost),
        *_few(f"{key} is there {times[key]} times" for key in twice),
        *_few(f"{key} was never published" for key in invented),
        *_few(altered),
    ]
    return found


def _altered(row: Row, key: Key, told: Told) -> Iterator[str]:
    """Say what is not as it was published."""
    raw = row["raw"]
    if content(raw) != told.content:
        yield "the raw event is not the one that was published"
    wanted = {
        "detector": key.detector,
        "run": told.run,
        "number": told.number,
        "block": raw.get("CosmicBlock"),
        "trigger_bits": raw.get("TriggerBits"),
        "time": _2000 + timedelta(seconds=raw.get("Timestamp", 0)),
    }
    for name, value in wanted.items():
        if row.get(name) != value:
            yield f"{name} is {row.get(name)!r}, and should be {value!r}"
    if not str(row["_id"]).startswith(f"{key.detector}/{told.run}/{told.number}/"):
        yield "its _id names another event"


def _few(told: Iterable[str]) -> list[str]:
    listed = list(told)
    more = len(listed) - _SHOWN
    return listed[:_SHOWN] + ([f"and {more} more of these"] if more > 0 else [])
