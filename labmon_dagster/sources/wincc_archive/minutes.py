"""How many rows a table has in each minute: so the lookback is read again only where rows have come late."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from labmon_dagster.model import SECOND, Mark

MINUTE = 60 * SECOND
_FROM, _ROWS = "minutes from", "rows of minutes"


@dataclass(frozen=True, slots=True)
class Minutes:
    """Rows by minute, counted from 1970, from ``first`` to ``last``; of other minutes nothing is known."""

    first: int = 0
    last: int = -1
    rows: Mapping[int, int] = field(default_factory=dict)

    @classmethod
    def remembered(cls, mark: Mark) -> Minutes:
        """Take from a mark what `notes` gave it; nothing from one without."""
        first, text = mark.notes.get(_FROM), mark.notes.get(_ROWS)
        if not isinstance(first, int) or not isinstance(text, str):
            return cls()
        numbers = [int(number) for number in text.split(",")]
        return cls(first, first + len(numbers) - 1, dict(enumerate(numbers, first)))

    def notes(self, since: int) -> dict[str, str | int | bool | None]:
        """Give notes for a mark: the minutes that end after ``since`` (ns)."""
        first = max(self.first, since // MINUTE)
        if first > self.last:
            return {}
        return {_FROM: first, _ROWS: ",".join(str(self.rows.get(n, 0)) for n in range(first, self.last + 1))}

    def first_changed(self, before: Minutes, start: int, end: int) -> int:
        """Give the first instant from ``start`` to ``end`` whose minute has not as many rows as ``before``.

        A minute that ``before`` does not know has changed; where none has, it is ``end``.
        """
        for minute in range(start // MINUTE, end // MINUTE + 1):
            known = before.first <= minute <= before.last
            if not known or self.rows.get(minute, 0) != before.rows.get(minute, 0):
                return max(start, minute * MINUTE)
        return end
