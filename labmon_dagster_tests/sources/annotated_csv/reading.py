"""What the reader makes of a text, as line protocol in the order of the text."""

from __future__ import annotations

from dataclasses import dataclass, field
from io import BytesIO

from labmon_dagster.model import PLACE
from labmon_dagster.model.points import BadLine, Points
from labmon_dagster.replay.line import LineProtocol
from labmon_dagster.sources.annotated_csv.reader import read


@dataclass
class Seen:
    """Points and bad lines."""

    points: list[Points] = field(default_factory=list)
    bad: list[BadLine] = field(default_factory=list)

    @property
    def lines(self) -> str:
        """All points as line protocol, by line."""
        found = []
        for points in self.points:
            for row in points.rows.iter_slices(1):
                line = LineProtocol().write(Points(points.measurement, row)).decode()
                found.append((row[PLACE][0], line.replace("\r", "\\r")))
        return "".join(line for _, line in sorted(found, key=lambda each: each[0]))

    @property
    def errors(self) -> str:
        """All bad lines, by line."""
        return "".join(f"{bad}\n" for bad in sorted(self.bad, key=lambda bad: bad.line))


def seen(text: bytes, *, strict: bool = False) -> Seen:
    """Read a text."""
    found = Seen()
    for one in read(BytesIO(text), strict=strict):
        (found.points if isinstance(one, Points) else found.bad).append(one)  # type: ignore[arg-type]
    return found
