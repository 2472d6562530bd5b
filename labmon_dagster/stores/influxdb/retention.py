"""How long a database keeps its data, and where labmon's own books lie so that they do not expire."""

from __future__ import annotations

import re
from contextlib import suppress

from labmon_dagster.model import SECOND
from labmon_dagster.model.lazily import lazily
from labmon_dagster.stores.base import StoreError
from labmon_dagster.stores.influxdb.answers import Answers
from labmon_dagster.stores.influxdb.buckets import NoBucketsError, kept_by
from labmon_dagster.stores.influxdb.link import Place
from labmon_dagster.stores.influxdb.target import Target
from labmon_dagster.stores.influxdb.words import quoted

BOOKS = "labmon"
MARGIN = 3600 * SECOND
_UNITS = {"w": 604_800, "d": 86_400, "h": 3600, "m": 60, "s": 1}
_PART = re.compile(r"(\d+)([wdhms])")


class Retention:
    """The retention of the database (its default policy) or bucket."""

    def __init__(self, data: Answers) -> None:
        self.data = data

    @lazily
    def kept(self) -> int | None:
        """How long points are kept, in ns; None: for ever. Raises StoreError where there is no database."""
        link, name = self.data.link, self.data.place.database
        if link.target.api == 2:
            with suppress(NoBucketsError):
                kept = kept_by(link, name)
                if kept is None:
                    raise StoreError(absent(link.target))
                return kept or None
        return next((kept or None for _, kept, default in policies(self.data) if default), None)

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


def policies(data: Answers) -> list[tuple[str, int, bool]]:
    """Give the retention policies of a database: name, ns (0: for ever), whether it is the default one."""
    (found,) = data.ask(f"SHOW RETENTION POLICIES ON {quoted(data.place.database)}")
    rows = [row for series in found for row in series.rows()]
    return [(str(row[0]), nanoseconds(str(row[1])), row[-1] is True) for row in rows]


def absent(target: Target) -> str:
    """Say that a database (or bucket) is not there, and what makes it."""
    v2 = target.api == 2
    return (
        f"InfluxDB at {target.base} has no {'bucket' if v2 else 'database'} {target.database!r}"
        f"{' that this token may read' if v2 else ''}; "
        "`labmon create-store` makes it, if host and path of the URL are right"
    )


def nanoseconds(duration: str) -> int:
    """Understand InfluxDB's durations: 720h0m0s, 30d; 0 is for ever."""
    return sum(int(number) * _UNITS[unit] * SECOND for number, unit in _PART.findall(duration))
