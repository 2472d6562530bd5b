"""What a store lacks of an archive, as a table or as JSON, with what to do next."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from labmon_dagster.cli.lacking import Figures, Lacking
from labmon_dagster.formats import aligned, printable
from labmon_dagster.model import Window
from labmon_dagster.model.window import instant_text

if TYPE_CHECKING:
    from labmon_dagster.components.feed import Feed

_HEADING = (
    "datapoint",
    "original stood at",
    "newest in archive",
    "in archive",
    "in store",
    "lost",
    "not fetched",
    "only in store",
    "first lacking",
)
_NUMBERS = range(3, 8)


@dataclass(frozen=True, slots=True)
class Report:
    """What is told of a comparison of an asset's archive with a ``store`` in a window of whole days."""

    feed: Feed
    store: str
    window: Window
    cursors: Mapping[str, int]
    found: Lacking

    @property
    def unknown(self) -> list[str]:
        """Datapoints the original read and the YAML does not name."""
        return sorted(set(self.cursors) - set(self.found.datapoints))

    @property
    def without_cursor(self) -> list[str]:
        """Datapoints that the original never read."""
        return sorted(set(self.found.datapoints) - set(self.cursors))

    @property
    def without_rows(self) -> list[str]:
        """Datapoints of which the archive has nothing."""
        return [name for name, figures in self.found.by_datapoint().items() if not figures.archive]

    @property
    def command(self) -> str | None:
        """The command that fetches what is lacking."""
        days = self.found.days
        if not days:
            return None
        span = f"--partition {days[0]}" if len(days) == 1 else f"--partition-range {days[0]}...{days[-1]}"
        return f'dg launch --assets "key:{self.feed.asset}" {span}'

    def as_json(self) -> dict[str, object]:
        """Everything, to be written as JSON."""
        first, last = self._ends
        return {
            "asset": self.feed.asset,
            "store": self.store,
            "first": first,
            "last": last,
            "total": _as_json(self.found.total()),
            "datapoints": {
                name: {"original": _text(self.cursors.get(name)), **_as_json(figures)}
                for name, figures in self.found.by_datapoint().items()
            },
            "unknown": self.unknown,
            "without_cursor": self.without_cursor,
            "without_rows": self.without_rows,
            "of_no_datapoint": self.found.of_no_datapoint,
            "unreadable": self.found.unreadable,
            "lacking_days": [day.isoformat() for day in self.found.days],
            "command": self.command,
        }

    def lines(self) -> Iterator[str]:
        """A table, remarks, and what to do next."""
        first, last = self._ends
        yield f"{self.feed.asset}, store {self.store!r}, {first} to {last} (UTC)"
        rows = [
            _row(name, _short(self.cursors.get(name)), figures)
            for name, figures in self.found.by_datapoint().items()
        ]
        yield from aligned([_HEADING, *rows, _row("all", "", self.found.total())], right=_NUMBERS)
        yield ""
        remarks = list(self._remarks())
        yield from [*remarks, ""] if remarks else []
        yield from self._next()

    @property
    def _ends(self) -> tuple[str, str]:
        days = self.window.days
        return days[0].isoformat(), days[-1].isoformat()

    def _remarks(self) -> Iterator[str]:
        yield from _listed("in the file of last times, but not read by labmon", self.unknown)
        yield from _listed("not in the file of last times", self.without_cursor)
        yield from _listed("no reading in the archive", self.without_rows)
        if number := self.found.of_no_datapoint:
            yield f"{number} readings in the store belong to none of these datapoints"
        if number := self.found.unreadable:
            yield f"{number} rows of the days compared by time cannot be readings; they will go to quarantine"

    def _next(self) -> Iterator[str]:
        first, last = self._ends
        total, days = self.found.total(), self.found.days
        if self.command is None:
            yield f"The store lacks nothing that the archive has from {first} to {last}."
            return
        yield (
            f"The store lacks {_counted(total.lacking, 'reading')} on {_counted(len(days), 'day')}: "
            f"{total.lost} that the original would never ask for again, {total.not_fetched} that it had "
            "not fetched yet."
        )
        if total.cut:
            yield (
                f"Of these the store has {total.cut_to_us} with the time cut to µs and {total.cut_to_ms} "
                "with the time cut to ms: materialized, they stand there twice."
            )
        yield "Materialize these days; those between them are read too, which does no harm:"
        yield f"  {self.command}"
        if self.store != self.feed.store:
            yield f"That fills store {self.feed.store!r}, where {self.feed.asset} is landed."


def _row(name: str, stood: str, figures: Figures) -> tuple[str, ...]:
    numbers = (figures.archive, figures.store, figures.lost, figures.not_fetched, figures.only_in_store)
    day = figures.first_lacking
    return printable(name), stood, _short(figures.newest), *map(str, numbers), str(day) if day else ""


def _as_json(figures: Figures) -> dict[str, object]:
    day = figures.first_lacking
    return {**asdict(figures), "newest": _text(figures.newest), "first_lacking": str(day) if day else None}


def _text(ns: int | None) -> str | None:
    return None if ns is None else instant_text(ns)


def _short(ns: int | None) -> str:
    """Write a time without the zeros at its end."""
    return "" if ns is None else instant_text(ns)[:-1].rstrip("0").rstrip(".") + "Z"


def _listed(said: str, names: Iterable[str]) -> Iterator[str]:
    listed = list(names)
    if listed:
        yield f"{said}:"
        yield from (f"  {printable(name)}" for name in listed)


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'s' * (number != 1)}"
