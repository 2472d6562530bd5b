"""What one call of write() brings to the station log: lines, each with its time, all or none of them."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Body:
    """Collects the lines of a call. ``now`` (ns) is the time of points that have none of their own.

    Two points of one series without a time would be one point: the later ones get the next free ns.
    ``rows`` counts the points taken, ``skipped`` those without any value, of which there is nothing to write.
    """

    now: int
    rows: int = 0
    skipped: int = 0
    _parts: list[str | bytes] = field(default_factory=list)
    _stamped: dict[str, int] = field(default_factory=dict)

    def add(self, series: str, fields: str, time: int | None) -> None:
        """Take a point: its measurement and tags, its fields ('': none), its time in ns."""
        if not fields:
            self.skipped += 1
            return
        if time is None:
            time = self._stamped[series] = self._stamped.get(series, self.now - 1) + 1
        self._parts.append(f"{series} {fields} {time}\n")
        self.rows += 1

    def add_lines(self, lines: str | bytes, rows: int) -> None:
        """Take finished lines, each with its time and its newline."""
        self._parts.append(lines)
        self.rows += rows

    def data(self) -> bytes:
        """Give all lines. Raises ValueError for a text that UTF-8 cannot carry."""
        try:
            return b"".join(part if isinstance(part, bytes) else part.encode() for part in self._parts)
        except UnicodeEncodeError as error:
            wrong = str(error.object)[error.start]
            raise ValueError(f"a text holds {wrong!r}, which UTF-8 cannot carry") from error
