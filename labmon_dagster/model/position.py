"""A position says how far a source has been read: never a time of ours, always the source's own terms.

A source is one or more *streams* that only grow (a file, a day of a journal, an archive table). A
position holds one mark per stream. Positions are kept in the ledger as JSON.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Mark:
    """How far one stream was read: ``offset`` grows; ``notes`` are the source's private memory (JSON)."""

    offset: int
    notes: Mapping[str, str | int | bool | None] = field(default_factory=dict)


Position: TypeAlias = Mapping[str, Mark]
NOWHERE: Position = {}


def dump(position: Position) -> str:
    """The position as one line of JSON."""
    return json.dumps(
        {stream: [mark.offset, dict(mark.notes)] for stream, mark in sorted(position.items())},
        separators=(",", ":"),
    )


def parse(text: str | None) -> Position:
    """The position that `dump` wrote; empty text is the beginning."""
    raw = json.loads(text) if text else {}
    return {stream: Mark(offset, notes) for stream, (offset, notes) in raw.items()}


def earliest(positions: Iterable[Position]) -> Position:
    """The place from which one reading serves all ``positions``: per stream the smallest offset."""
    several = list(positions)
    if not several:
        return NOWHERE
    common = set(several[0]).intersection(*several[1:])
    return {s: min((p[s] for p in several), key=lambda mark: mark.offset) for s in common}


def grown(known: Position, ends: Mapping[str, int]) -> list[str]:
    """The streams of ``known`` that hold something behind its marks. ``ends``: stream → where it ends."""
    return sorted(s for s, mark in known.items() if ends.get(s, 0) > mark.offset)


def consumed(position: Position, stream: str, mark: Mark) -> bool:
    """Whether ``position`` lies at or behind ``mark`` of ``stream``: everything up to it was read."""
    return stream in position and position[stream].offset >= mark.offset
