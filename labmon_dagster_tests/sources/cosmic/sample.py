"""The three events of the published dump, and what tests make of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from labmon_dagster.sources.cosmic import Piece, Scanner

CASES = Path(__file__).parent / "cases"
DUMP = (CASES / "published" / "input.dat").read_bytes()
LINES = DUMP.splitlines()
RECEIVED = 1_790_000_000 * 10**9
"""An instant long after all of them (UTC ns)."""


def scanned(portions: Sequence[bytes], scanner: Scanner | None = None) -> list[Piece]:
    """What a scanner finds in some portions, to the end."""
    used = scanner or Scanner()
    return list(_fed(used, portions))


def _fed(scanner: Scanner, portions: Sequence[bytes]) -> Iterator[Piece]:
    for one in portions:
        yield from scanner.feed(one)
    yield from scanner.close()
