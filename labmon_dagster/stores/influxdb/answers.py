"""InfluxQL: questions to a database, and its answers as frames, exact to the nanosecond and the last bit."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, TypeVar

import msgspec
import polars as pl

from labmon_dagster.model import TIME
from labmon_dagster.stores.base import StoreError
from labmon_dagster.stores.influxdb.errors import Refused
from labmon_dagster.stores.influxdb.link import Link, Place
from labmon_dagster.stores.influxdb.trying import tried

T = TypeVar("T")
_PYTHON: Mapping[type[pl.DataType], Any] = {
    pl.Float64: float | None,
    pl.Int64: int | None,
    pl.Int8: int | None,
    pl.Boolean: bool | None,
    pl.String: str | None,
}


class Series(msgspec.Struct):
    """A piece of an answer: rows of one series, or of no series in particular."""

    columns: list[str]
    values: msgspec.Raw = msgspec.Raw(b"[]")
    name: str = ""
    tags: dict[str, str] = {}

    def rows(self) -> list[list[Any]]:
        """Give the rows as they are; numbers may have lost whether they are float."""
        decoded: list[list[Any]] = msgspec.json.decode(self.values)
        return decoded


class _Result(msgspec.Struct):
    statement_id: int = 0
    series: list[Series] = []
    error: str = ""


class _Reply(msgspec.Struct):
    results: list[_Result] = []
    error: str = ""


_MINUS_ZERO = re.compile(rb"[\[,]-0[,\]]")
_decoder = msgspec.json.Decoder(_Reply)


class Answers:
    """Asks one database."""

    def __init__(self, link: Link, place: Place) -> None:
        self.link = link
        self.place = place

    def ask(self, text: str) -> list[list[Series]]:
        """Give, for each statement of a text, its series. Raises StoreError."""
        return self._tried(lambda: self._collected(text))

    def command(self, text: str) -> None:
        """Carry out a statement that gives nothing."""
        self.ask(text)

    def frame(self, text: str, tags: Sequence[str], kinds: Mapping[str, pl.DataType]) -> pl.DataFrame:
        """Give the rows of a SELECT of the columns ``kinds`` (in that order), grouped by ``tags``."""
        schema = {TIME: pl.Int64(), **dict.fromkeys(tags, pl.String()), **kinds}
        rows = _row_type(tuple(map(type, kinds.values())))

        def fetched() -> pl.DataFrame:
            parts = [_part(one, tags, kinds, rows) for result in self._results(text) for one in result.series]
            return pl.concat([pl.DataFrame(schema=schema), *parts])

        return self._tried(fetched)

    def _tried(self, work: Callable[[], T]) -> T:
        try:
            return tried(self.link, f"reading {self.place.database!r}", work)
        except Refused as refused:
            raise StoreError(f"InfluxDB at {self.link.target.base}: {refused}") from refused

    def _collected(self, text: str) -> list[list[Series]]:
        found: list[list[Series]] = []
        for result in self._results(text):
            found += [[] for _ in range(len(found), result.statement_id + 1)]
            found[result.statement_id] += result.series
        return found

    def _results(self, text: str) -> Iterator[_Result]:
        """Go through the pieces of an answer."""
        for line in self.link.query(text, self.place):
            try:
                reply = _decoder.decode(line)
            except msgspec.DecodeError as error:
                raise Refused(200, f"no answer to InfluxQL: {line[:200].decode(errors='replace')}") from error
            for complaint in (reply.error, *(result.error for result in reply.results)):
                if complaint:
                    raise Refused(404 if "not found" in complaint else 400, complaint)
            yield from reply.results


@lru_cache(maxsize=256)
def _row_type(kinds: tuple[type[pl.DataType], ...]) -> msgspec.json.Decoder[Any]:
    """Make a decoder of rows: a time, then values of these types."""
    row: Any = tuple.__class_getitem__((int, *(_PYTHON[kind] for kind in kinds)))
    return msgspec.json.Decoder(list.__class_getitem__(row))


def _part(
    series: Series, tags: Sequence[str], kinds: Mapping[str, pl.DataType], rows: msgspec.json.Decoder[Any]
) -> pl.DataFrame:
    values = _decoded(series.values, rows)
    columns = zip(*values, strict=True) if values else [()] * (1 + len(kinds))
    listed = {TIME: pl.Int64(), **kinds}
    made = [pl.Series(n, c, dtype=k) for (n, k), c in zip(listed.items(), columns, strict=True)]
    told = [pl.lit(series.tags.get(tag, ""), dtype=pl.String).alias(tag) for tag in tags]
    return pl.DataFrame(made).with_columns(told).select(TIME, *tags, *kinds)


def _decoded(raw: msgspec.Raw, rows: msgspec.json.Decoder[Any]) -> Sequence[Sequence[Any]]:
    """Decode rows. JSON writes the float -0.0 as -0, which is read as an integer, without its sign."""
    if _MINUS_ZERO.search(raw):
        slow: list[list[Any]] = json.loads(bytes(raw), parse_int=_integer)
        return slow
    exact: list[tuple[Any, ...]] = rows.decode(raw)
    return exact


def _integer(text: str) -> float | int:
    return -0.0 if text == "-0" else int(text)
