"""What InfluxDB cannot do: take a value out of a point, or remove some of a series' points.

Points are removed by series and stretches of time. Where one only loses a value, what is to be removed and
written is noted first, so that a crash in between can be made good. There is one such note at most for each
asset, since only one read of it is under way.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import polars as pl

from labmon_dagster.model import TIME
from labmon_dagster.stores.base import READ, StoreError, owner_in
from labmon_dagster.stores.columns import HIDDEN
from labmon_dagster.stores.influxdb.answers import Answers
from labmon_dagster.stores.influxdb.lines import Encoder, Lines
from labmon_dagster.stores.influxdb.notes import Form, Notes
from labmon_dagster.stores.influxdb.retention import policies
from labmon_dagster.stores.influxdb.sender import Sender
from labmon_dagster.stores.influxdb.words import condition, quoted

_PENDING = Form(
    "labmon_pending",
    ("owner",),
    {"done": pl.Boolean(), "statements": pl.String(), "lines": pl.String()},
    long=("statements", "lines"),
)
_AT_ONCE = 2000
_OLD = "held:"


class Mending:
    """Removes points, and takes values out of points."""

    def __init__(self, data: Answers, notes: Notes) -> None:
        self.data = data
        self.notes = notes
        self._encoder = Encoder()
        self._sender = Sender(data.link)
        self._alone: set[str] = set()
        self._owner: int | None = None

    def remove(self, measurement: str, tags: Sequence[str], rows: pl.DataFrame, which: pl.Expr) -> None:
        """Remove those of ``rows`` that ``which`` says; ``rows`` are all there are of their series there."""
        for statement in _removals(measurement, tags, rows, which):
            self.refuse_copies(measurement)
            self.data.command(statement)

    def mend(self, measurement: str, tags: Sequence[str], held: pl.DataFrame, rows: pl.DataFrame) -> None:
        """Put ``rows``, `whole` and such as the server takes, in the place of points with more values."""
        if self._owner is None:
            self.recover(owner_in(rows[READ][0]))
        key = [TIME, *tags]
        for part in rows.sort(TIME).iter_slices(_AT_ONCE):
            marked = held.join(part.select(key).with_columns(_new=pl.lit(True)), on=key, how="left")
            statements = list(_removals(measurement, tags, marked, pl.col("_new").fill_null(False)))
            lines = self._encoder.encode(measurement, tags, part)
            self._note("\n".join(statements), bytes(lines.body).decode(), done=False)
            self._carry_out(statements, lines)

    def recover(self, owner: int) -> None:
        """Carry out what a killed read of the asset had noted; what is mended from now on is of this asset.

        No other read of it may be under way.
        """
        self._owner = owner
        for row in self.notes.read(_PENDING, f"WHERE owner = '{owner}' AND done = false"):
            self._carry_out(row["statements"].split("\n"), Lines.of(row["lines"].encode()))

    def _carry_out(self, statements: Sequence[str], lines: Lines) -> None:
        """Remove points and write them anew. What the server refuses now is not tried again: it stays so."""
        for statement in statements:
            self.data.command(statement)
        refused = self._write(lines)
        self._note("", "", done=True)
        if refused:
            raise StoreError(f"InfluxDB refuses points that it held before: {'; '.join(refused)}")

    def _write(self, lines: Lines) -> list[str]:
        """Write lines; say why some were refused."""
        reasons: list[str] = []
        self._sender.send(lines, self.data.place, "ns", lambda _, why: reasons.append(why))
        self._sender.settle()
        return reasons

    def _note(self, statements: str, lines: str, *, done: bool) -> None:
        row = {TIME: 0, "owner": str(self._owner), "statements": statements, "lines": lines, "done": done}
        self.notes.write(_PENDING, [row])

    def refuse_copies(self, measurement: str) -> None:
        """Refuse to remove anything where other retention policies have the measurement too (1.x).

        DELETE knows no retention policy: it would take their points as well.
        """
        if self.data.link.target.api != 1 or measurement in self._alone:
            return
        database = self.data.place.database
        for policy in (name for name, _, default in policies(self.data) if not default):
            place = ".".join(map(quoted, (database, policy, measurement)))
            if any(self.data.ask(f"SELECT * FROM {place} LIMIT 1")):
                raise StoreError(
                    f"{measurement}: the retention policy {policy!r} of {database!r} has points of this name "
                    "too, which InfluxDB would remove with those that are to be replaced; nothing was removed"
                )
        self._alone.add(measurement)

    def close(self) -> None:
        """End the threads."""
        self._sender.close()


def overwritten(
    rows: pl.DataFrame, held: pl.DataFrame, tags: Sequence[str]
) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Part rows into those that are new, those written over a point, and those that take values from one."""
    if held.is_empty():
        return rows, rows.clear(), rows.clear()
    key = [TIME, *tags]
    both = [n for n in rows.columns if n in held.columns and n not in {*key, *HIDDEN}]
    absent = [pl.lit("").alias(tag) for tag in tags if tag not in held.columns]
    beside = held.with_columns(absent).select(
        *key, pl.lit(True).alias("_over"), *(pl.col(n).is_not_null().alias(f"{_OLD}{n}") for n in both)
    )
    pairs = rows.join(beside, on=key, how="left", maintain_order="left")
    over = pl.col("_over").fill_null(False)
    losing = [pl.col(n).is_null() & pl.col(f"{_OLD}{n}").fill_null(False) for n in both]
    loses = pl.any_horizontal(pl.lit(False), *losing)
    parts = (~over, over & ~loses, over & loses)
    new, plain, cleared = (pairs.filter(part).select(rows.columns) for part in parts)
    return new, plain, cleared


def whole(rows: pl.DataFrame, held: pl.DataFrame, tags: Sequence[str]) -> pl.DataFrame:
    """Give rows with what is held beside their columns."""
    key = [TIME, *tags]
    beside = held.select(name for name in held.columns if name not in rows.columns or name in key)
    return rows.join(beside, on=key, how="left", maintain_order="left")


def _removals(measurement: str, tags: Sequence[str], rows: pl.DataFrame, which: pl.Expr) -> Iterator[str]:
    """Give the statements that remove some of ``rows``, which are all there are of their series."""
    for texts, series in _series(rows, tags):
        marked = series.sort(TIME).select(pl.col(TIME).cast(pl.Int64), which.alias("_gone"))
        stretches = marked.with_columns(run=pl.col("_gone").rle_id()).filter("_gone")
        where = [condition(tag, text) for tag, text in zip(tags, texts, strict=True)]
        for first, last in (
            stretches.group_by("run", maintain_order=True)
            .agg(pl.first(TIME), pl.last(TIME).alias("last"))
            .select(TIME, "last")
            .iter_rows()
        ):
            parts = " AND ".join([*where, f"time >= {first}", f"time <= {last}"])
            yield f"DELETE FROM {quoted(measurement)} WHERE {parts}"


def _series(rows: pl.DataFrame, tags: Sequence[str]) -> Iterator[tuple[Sequence[str], pl.DataFrame]]:
    if not tags:
        yield (), rows
        return
    for texts, part in rows.group_by(tags, maintain_order=True):
        yield [str(text) for text in texts], part
