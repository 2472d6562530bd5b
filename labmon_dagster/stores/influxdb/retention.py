"""How long a database keeps its data, and where labmon's own books lie so that they do not expire."""

from __future__ import annotations

import re
from functools import cached_property

from labmon_dagster.model import SECOND
from labmon_dagster.stores.influxdb.answers import Answers
from labmon_dagster.stores.influxdb.link import Place
from labmon_dagster.stores.influxdb.words import quoted

BOOKS = "labmon"
MARGIN = 3600 * SECOND
_UNITS = {"w": 604_800, "d": 86_400, "h": 3600, "m": 60, "s": 1}
_PART = re.compile(r"(\d+)([wdhms])")


class Retention:
    """The retention of the database (its default policy) or bucket."""

    def __init__(self, data: Answers) -> None:
        self.data = data

    @cached_property
    def kept(self) -> int | None:
        """How long points are kept, in ns; None: for ever."""
        (found,) = self.data.ask(f"SHOW RETENTION POLICIES ON {quoted(self.data.place.database)}")
        durations = [str(row[1]) for series in found for row in series.rows() if row[-1] is True]
        return next((nanoseconds(text) or None for text in durations), None)

    def since(self, now: int) -> int | None:
        """The earliest time (ns) that may be written now, with an hour's margin; None: any."""
        if self.kept is None:
            return None
        return now - self.kept + min(MARGIN, self.kept // 2)

    @property
    def books(self) -> Place:
        """Where ledger, quarantine and columns lie."""
        place = self.data.place
        if self.kept is None:
            return place
        if self.data.link.target.api == 1:
            return Place(place.database, BOOKS)
        return Place(f"{place.database}_{BOOKS}")


def nanoseconds(duration: str) -> int:
    """Understand InfluxDB's durations: 720h0m0s, 30d; 0 is for ever."""
    return sum(int(number) * _UNITS[unit] * SECOND for number, unit in _PART.findall(duration))
