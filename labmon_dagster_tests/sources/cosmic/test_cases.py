"""Each case: a stream, and the pieces found in it, with the documents that its events become."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from labmon_dagster.model.window import instant_text
from labmon_dagster.sources.cosmic import Decoding, Receipt, document_of, read_event
from labmon_dagster_tests.sources.cosmic.sample import CASES, RECEIVED, scanned

_NAMES = sorted(path.name for path in CASES.iterdir())


def told(path: Path) -> Iterator[str]:
    """A line for each piece: where it stands, and its document or why it has none."""
    for piece in scanned([path.read_bytes()]):
        where = f"{piece.offset} line {piece.line} {len(piece.raw)} bytes: "
        if piece.why:
            yield f"{where}{piece.why}\n"
            continue
        document = document_of(read_event(piece.raw), Decoding(), Receipt(RECEIVED, "file", "dump.dat"), 1, 2)
        yield f"{where}{document.id} {instant_text(document.time)}\n"
        for key, value in document.body.items():
            yield "" if key == "raw" else f"  {key}: {json.dumps(value, default=str)}\n"


@pytest.mark.parametrize("name", _NAMES)
def test_a_case_is_read_as_expected(name: str) -> None:
    assert "".join(told(CASES / name / "input.dat")) == (CASES / name / "expected.txt").read_text()
