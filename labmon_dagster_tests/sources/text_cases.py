"""Cases of readers of points: a file, and the points and bad lines that must come of it, as JSON lines."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from labmon_dagster.model.points import BadLine, Points
from labmon_dagster.replay.jsonl import JsonLines


def cases(test: str) -> list[Path]:
    """List the cases beside a test."""
    return sorted((Path(test).parent / "cases").iterdir())


def check(case: Path, read: Callable[[BinaryIO], Iterator[Points | BadLine]]) -> None:
    """Read the input of a case; its points (with their places) and bad lines must be the expected ones."""
    (source,) = case.glob("input.*")
    with source.open("rb") as stream:
        found = list(read(stream))
    bad = "".join(f"{one}\n" for one in found if isinstance(one, BadLine))
    points = [one for one in found if isinstance(one, Points)]
    told = b"".join(b"# lines %s\n" % _places(one) + JsonLines().write(one) for one in points)
    assert (told.decode(), bad) == (
        (case / "expected_points.jsonl").read_text(),
        (case / "expected_bad.txt").read_text(),
    )


def _places(points: Points) -> bytes:
    return ", ".join(map(str, points.rows["_place"].to_list())).encode()
