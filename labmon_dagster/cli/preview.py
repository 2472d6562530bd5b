"""`labmon preview`: what a source gives, with flags and computed columns, and nothing written anywhere."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import date
from typing import TYPE_CHECKING, Annotated

import polars as pl
import typer

from labmon_dagster.cli.common import day_option, examples, feed_of, output, remark
from labmon_dagster.cli.looking import tell_rejects, tell_trouble, windows
from labmon_dagster.cli.preview_documents import show_documents
from labmon_dagster.cli.preview_points import show_points
from labmon_dagster.formats import Columns, Format, writer
from labmon_dagster.landing.judge import within
from labmon_dagster.landing.merge import FATE, STORED, merge
from labmon_dagster.model import NOWHERE, ORDER, PLACE, TIME, Batch, Readings, Request, Window

if TYPE_CHECKING:
    from labmon_dagster.components.feed import Feed

_EXAMPLES = examples(
    "preview ameriflux_umbs/tower_46m",
    "preview ameriflux_umbs/tower_46m --partition 2021-06-25 --limit 1000 --format csv",
    "preview cms_mtd/dcs_readings --limit 5",
)
_HIDDEN = (ORDER, PLACE)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("preview", epilog=_EXAMPLES)(preview)


def preview(
    asset: Annotated[
        str, typer.Argument(help="Its key, experiment/table; a wrong one lists those there are.")
    ],
    partition: Annotated[str | None, typer.Option(help="Rows of this UTC day instead of the newest.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many rows to show at most.")] = 20,
    form: Annotated[Format, typer.Option("--format", help="How rows are written.")] = Format.TABLE,
) -> None:
    """Read the source of ASSET as a run would, and show the newest rows; nothing is stored.

    Of an archive only the day of the newest row is read, or that of --partition. Documents are shown as
    blocks, as CSV with a column for each value, or whole as JSON lines; points of a station log in the order
    they were received. Pieces that could not be read are
    listed on stderr. A table that LoggerNet overwrites is shown as far as it was landed.
    """
    day = day_option(partition)
    feed = feed_of(asset)
    if feed.documents:
        show_documents(feed, day, limit, form)
        return
    if not feed.measurement:
        show_points(feed, day, limit, form)
        return
    for window in windows(feed, day):
        look = _Look(feed, day, limit, window)
        rows, tags = look.rows()
        if not rows.is_empty():
            break
    columns = Columns.of(
        feed.measurement, tags, (n for n in rows.columns if n not in {TIME, *tags, *_HIDDEN})
    )
    writer(form, columns, output())(rows.select(columns.names))
    look.tell(rows.height)


class _Look:
    """One look at a source: keeps the rows asked for, and the neighbours their flags depend on."""

    def __init__(self, feed: Feed, day: date | None, limit: int, window: Window) -> None:
        self.feed = feed
        self.limit = limit
        self.day = day
        self.window = window
        self.around = self.window.widened(2 * feed.recipe.reach) if day else self.window
        self.tags: set[str] = set()
        self.found = 0

    def rows(self) -> tuple[pl.DataFrame, list[str]]:
        """Give the rows to show, and which columns are tags."""
        kept = pl.DataFrame(schema={TIME: pl.Datetime("ns", "UTC"), ORDER: pl.Int64, PLACE: pl.Int64})
        for batch in self._batches():
            kept = self._newest(pl.concat([kept, self._wanted(batch)], how="diagonal_relaxed"))
        tags = sorted(self.tags)
        prepared = self._prepared(kept.with_columns(pl.col(tags).fill_null("")), tags)
        inside = prepared.filter(within(self.window)).sort(TIME, *tags)
        self.found = inside.height
        return (inside.head(self.limit) if self.day else inside.tail(self.limit)), tags

    def _batches(self) -> Iterator[Batch]:
        """Read the source from its beginning, telling at once what of it cannot be read."""
        readings = self.feed.source.read(Request(self.window, NOWHERE, NOWHERE, time.time_ns()))
        if not isinstance(readings, Readings):
            raise TypeError(f"{self.feed.asset} is no feed of documents, but its source gives such")
        for batch in readings.batches:
            tell_rejects(batch.rejects, self.day)
            yield batch
        tell_trouble(readings.trouble)

    def _wanted(self, batch: Batch) -> pl.DataFrame:
        self.tags |= set(batch.measurement.tags)
        rows = pl.DataFrame(batch.rows)
        return rows.filter(within(self.around)) if self.day else rows

    def _newest(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Without a day, drop what is older than the newest rows and the neighbours of these."""
        if self.day or rows.height <= self.limit:
            return rows
        time = pl.col(TIME).cast(pl.Int64)
        oldest = rows.select(time.top_k(self.limit).min()).item()
        return rows.filter(time >= oldest - 2 * self.feed.recipe.reach)

    def _prepared(self, rows: pl.DataFrame, tags: list[str]) -> pl.DataFrame:
        fields = [name for name in rows.columns if name not in {TIME, *tags, *_HIDDEN}]
        recipe = self.feed.recipe
        rows = recipe.prepare(rows, tags)
        judged = merge(rows, rows.clear(), tags, [*fields, *recipe.computed]).judged
        return recipe.flag(judged.filter(pl.col(FATE) == STORED).drop(FATE), tags)

    def tell(self, shown: int) -> None:
        """Say on stderr how many more rows there are, or that there are none."""
        if not self.found:
            remark(f"no rows{f' on {self.day}' if self.day else ''}")
        elif self.day and shown < self.found:
            remark(f"{shown} of {self.found} rows; --limit shows more")
