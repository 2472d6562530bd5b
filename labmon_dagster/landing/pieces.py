"""Pieces for the quarantine: what could not be a reading, what did not fit, what lost its place."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date

import polars as pl

from labmon_dagster.model import ORDER, PLACE, TIME, Reject
from labmon_dagster.model.window import DAY, day_of, instant_text
from labmon_dagster.quality import FLAG_SUFFIX, Flag
from labmon_dagster.stores.base import WHY
from labmon_dagster.stores.ledger import Quarantined

_NS = f"{TIME}:ns"
_COLLIDED = (
    "another row of the same time and tags has other values and counts: it is later in the source's order, "
    "or larger"
)


@dataclass(frozen=True, slots=True)
class Pieces:
    """Makes the pieces of one read. A piece met again, in this read or another, has the same ``id``.

    ``by_receipt``: rows are filed under the day that their ``_order`` says.
    """

    asset: str
    measurement: str
    run: str
    met: int
    by_receipt: bool = False

    def unreadable(self, rejects: Iterable[Reject]) -> list[Quarantined]:
        """Make the pieces of a source that cannot be readings."""
        return [
            self._piece(
                self.measurement,
                reject.day,
                "unreadable",
                reject.reason,
                reject.raw,
                reject.place,
                reject.context,
            )
            for reject in rejects
        ]

    def unfit(
        self, rows: pl.DataFrame, measurement: str, tags: Sequence[str], fields: Sequence[str]
    ) -> list[Quarantined]:
        """Make pieces of rows with a value that does not fit its column; they say so in ``_why``."""
        return [self._row(row, measurement, "unfit", str(row[WHY]), tags, fields) for row in _named(rows)]

    def collided(
        self,
        rows: pl.DataFrame,
        measurement: str,
        tags: Sequence[str],
        fields: Sequence[str],
        omits: Sequence[str],
    ) -> list[Quarantined]:
        """Make pieces of rows that lost against another; of a value left out the flag is kept."""
        flags = {f"{name}{FLAG_SUFFIX}": pl.col(name).is_null() for name in omits}
        kept = rows.with_columns(
            pl.when(absent).then(pl.col(flag)).alias(flag) for flag, absent in flags.items()
        )
        kept = kept.with_columns(
            pl.when(pl.col(flag) == Flag.FAIL).then(pl.col(flag)).alias(flag) for flag in flags
        )
        named = [*fields, *flags]
        return [self._row(row, measurement, "collided", _COLLIDED, tags, named) for row in _named(kept)]

    def _row(
        self,
        row: dict[str, object],
        measurement: str,
        kind: str,
        reason: str,
        tags: Sequence[str],
        fields: Sequence[str],
    ) -> Quarantined:
        time, order = row[_NS], row[ORDER]
        assert isinstance(time, int) and isinstance(order, int)
        identity = json.dumps(
            {TIME: instant_text(time), **{tag: row[tag] for tag in sorted(tags) if row[tag]}}
        )
        raw = json.dumps({field: row[field] for field in sorted(fields) if row[field] is not None})
        place = f"{measurement} order {order} place {row[PLACE]}"
        day = day_of(order * DAY if self.by_receipt else time)
        return self._piece(measurement, day, kind, reason, raw, place, identity=identity)

    def _piece(
        self,
        measurement: str,
        day: date,
        kind: str,
        reason: str,
        raw: str,
        place: str,
        context: str = "",
        identity: str = "",
    ) -> Quarantined:
        told = json.dumps([self.asset, measurement, str(day), kind, raw, context, identity])
        known_by = hashlib.blake2b(told.encode(errors="backslashreplace"), digest_size=8).hexdigest()
        return Quarantined(
            known_by, self.asset, day, kind, reason, raw, place, context, identity, self.run, self.met
        )


def _named(rows: pl.DataFrame) -> Iterator[dict[str, object]]:
    """Go through rows, with their time as an integer: Python's datetimes would cut the nanoseconds."""
    return rows.with_columns(pl.col(TIME).cast(pl.Int64).alias(_NS)).drop(TIME).iter_rows(named=True)
