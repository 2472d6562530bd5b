"""What a writer notes: each write before it is asked for, and that it returned. A kill leaves all noted."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

MEASUREMENT = "soak"


class Point(NamedTuple):
    """A point of the soak: series ``who``, number ``n``, time in ns. All its values follow from these."""

    who: str
    n: int
    time: int

    @property
    def values(self) -> dict[str, object]:
        """Its fields: integer, float, boolean and text."""
        text = f'{self.who} "{self.n}"\n,= \\ µ'
        # JSON does not show whether a whole number was a float: x never is one.
        return {"n": self.n, "x": self.n / 7 + 0.05, "even": self.n % 2 == 0, "text": text}


@dataclass(slots=True)
class Write:
    """A write as noted. ``returned``: None where the writer was killed in it, else whether it was kept."""

    points: list[Point]
    returned: bool | None = None


class Notes:
    """The notes of one writer process, in a file of their own."""

    def __init__(self, path: Path) -> None:
        self._fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)

    def attempt(self, points: list[Point]) -> None:
        """Note what is written now."""
        self._note({"points": points})

    def returned(self, kept: bool) -> None:
        """Note that the write has returned, or was refused."""
        self._note({"returned": kept})

    def _note(self, line: object) -> None:
        os.write(self._fd, json.dumps(line).encode() + b"\n")


def writes(path: Path) -> Iterator[Write]:
    """Read the writes that one process has noted."""
    last: Write | None = None
    for raw in path.read_bytes().split(b"\n")[:-1]:
        line = json.loads(raw)
        if "points" in line:
            if last:
                yield last
            last = Write([Point(*one) for one in line["points"]])
        else:
            assert last
            last.returned = line["returned"]
    if last:
        yield last
