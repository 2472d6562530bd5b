"""What the judge of a soak goes by, and what it finds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from labmon_dagster_tests.soak.lost import End, Lost
from labmon_dagster_tests.soak.records import Asked, Journals, Sent, Spoilt, Stored
from labmon_dagster_tests.soak.spoilt import Spoiled


@dataclass(slots=True)
class Judgement:
    """What was found. Each text in ``broken`` is a promise that was not kept."""

    replies_sent: int = 0
    numbered: int = 0
    faults: dict[str, int] = field(default_factory=dict)
    polls_journalled: int = 0
    unasked_journalled: int = 0
    torn_lines: int = 0
    understood: int = 0
    documents: int = 0
    collections: dict[str, int] = field(default_factory=dict)
    readings: dict[str, int] = field(default_factory=dict)
    quarantined: dict[str, int] = field(default_factory=dict)
    spoilt: dict[str, Spoiled] = field(default_factory=dict)
    lost: list[Lost] = field(default_factory=list)
    undelivered: list[str] = field(default_factory=list)
    altered: list[str] = field(default_factory=list)
    invented: list[str] = field(default_factory=list)
    duplicates: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)
    readings_off: list[str] = field(default_factory=list)
    quarantine_off: list[str] = field(default_factory=list)
    ledger: dict[str, dict[str, Any]] = field(default_factory=dict)
    ledger_off: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the judge goes by: ``sent`` and ``asked`` in order of time, ``ends`` of the collector too."""

    sent: Sequence[Sent]
    asked: Sequence[Asked]
    spoilt: Sequence[Spoilt]
    journals: Journals
    stored: Stored
    ends: Sequence[End]
