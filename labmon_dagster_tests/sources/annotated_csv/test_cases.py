"""Every folder in cases/ is a text, and what must come of it, however it is cut into blocks and portions."""

from __future__ import annotations

from pathlib import Path

import pytest

from labmon_dagster.sources.annotated_csv import reader, records
from labmon_dagster_tests.sources.annotated_csv.reading import seen

CASES = sorted(path for path in (Path(__file__).parent / "cases").iterdir() if path.is_dir())


def expected(case: Path, name: str) -> str:
    path = case / name
    return path.read_text() if path.exists() else ""


@pytest.mark.parametrize(("block", "portion"), [(1, 1), (7, 2), (1 << 21, 1), (1 << 21, 50_000)])
@pytest.mark.parametrize("case", CASES, ids=lambda path: path.name)
def test_cases(case: Path, block: int, portion: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(records, "BLOCK", block)
    monkeypatch.setattr(reader, "PORTION", portion)
    found = seen((case / "input.csv").read_bytes())
    assert found.lines == expected(case, "expected.lp")
    assert found.errors == expected(case, "expected_errors.txt")
    assert all(points.rows.height <= portion for points in found.points)


def test_the_cases_are_there():
    assert sum((case / "expected.lp").exists() for case in CASES) > 15
    assert sum((case / "expected_errors.txt").exists() for case in CASES) > 12
