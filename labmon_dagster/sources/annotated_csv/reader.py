"""A stream of annotated CSV to points, portion by portion: annotations, header, rows, and so on again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO

from labmon_dagster.model.points import BadLine, Points
from labmon_dagster.sources.annotated_csv import cells as of_cells
from labmon_dagster.sources.annotated_csv.annotations import Annotations, is_comment
from labmon_dagster.sources.annotated_csv.columns import Column, Role
from labmon_dagster.sources.annotated_csv.plan import Plan
from labmon_dagster.sources.annotated_csv.records import Records, Splitter, shown
from labmon_dagster.sources.annotated_csv.rows import points

PORTION = 50_000


def read(stream: BinaryIO, *, strict: bool = False) -> Iterator[Points | BadLine]:
    """Read annotated CSV: at most 50,000 rows at a time, points first, then the bad lines among them.

    The column of a bad line is that of its cell, counted from 1. ``strict``: a `long` with a fraction is
    a bad line, as if it were `long:strict`; otherwise the fraction is cut off. That, an unknown annotation,
    and a second time or tag of one name are warnings in the log.
    """
    splitter = Splitter(stream)
    reader = _Reader(splitter, Annotations(strict))
    for found in splitter:
        if isinstance(found, BadLine):
            yield from reader.heed(found)
        else:
            yield from reader.feed(found)


@dataclass(slots=True)
class _Reader:
    """Where the reader stands: what the annotations said, the plan made of it, or why there is none.

    ``fresh``: the line before was empty, or an annotation.
    """

    splitter: Splitter
    annotations: Annotations
    plan: Plan | None = None
    trouble: str = ""
    fresh: bool = True

    def feed(self, records: Records) -> Iterator[Points | BadLine]:
        """Read whole records."""
        at = 0
        for number in [*records.special.tolist(), len(records)]:
            if at < number:
                yield from self._below(records, at, number)
            if number < len(records):
                self.fresh = True
                yield from self._special(records, number)
            at = number + 1

    def heed(self, bad: BadLine) -> Iterator[BadLine]:
        """Take note of a line that cannot be read. In a comment that does not matter."""
        if is_comment(bad.raw):
            return
        yield bad
        if bad.raw.startswith("#") or (not self.annotations.width and not bad.raw.startswith("sep=")):
            self.annotations.spoil(bad)
            self.plan, self.trouble = None, ""

    def _special(self, records: Records, number: int) -> Iterator[BadLine]:
        if not shown(records.raw(number)):
            return
        found = of_cells.single(records, number, self.splitter.separator)
        if isinstance(found, BadLine):
            yield from self.heed(found)
            return
        line = int(records.lines[number])
        try:
            changed = self.annotations.annotate(found, line)
        except ValueError as error:
            changed = True
            yield BadLine(line, 0, str(error), shown(records.raw(number)))
        if changed:
            self.plan, self.trouble = None, ""

    def _below(self, records: Records, first: int, last: int) -> Iterator[Points | BadLine]:
        """Read the header, if it is its turn, and the rows under it."""
        if self.fresh:
            head = of_cells.single(records, first, self.splitter.separator)
            if not self.annotations.width or _is_header(head):
                if isinstance(head, BadLine):
                    yield from self.heed(head)
                else:
                    self._header(head)
                first += 1
        self.fresh = False
        for at in range(first, last, PORTION):
            yield from self._rows(records.part(at, min(at + PORTION, last)))

    def _header(self, head: Sequence[str]) -> None:
        if self.annotations.width:
            self.annotations.begin()
        self.plan, self.trouble = None, ""
        self.annotations.header(head)

    def _rows(self, records: Records) -> Iterator[Points | BadLine]:
        self.annotations.said()
        if self.plan is None and not self.trouble:
            try:
                self.plan = self.annotations.plan(int(records.lines[0]) - 1)
            except ValueError as error:
                self.trouble = str(error)
        if self.plan is None:
            reason = f"the table cannot be read: {self.trouble}"
            for number in range(len(records)):
                yield BadLine(int(records.lines[number]), 0, reason, shown(records.raw(number)))
            return
        found, bad = of_cells.read(records, self.annotations.width, self.splitter.separator)
        yield from points(found, self.plan)
        yield from bad


def _is_header(head: Sequence[str] | BadLine) -> bool:
    """Whether cells are those of a header that names its types: `name|type`, with a measurement."""
    if isinstance(head, BadLine) or not all("|" in cell for cell in head if cell):
        return False
    columns = [Column(n) for n in range(len(head))]
    for column, text in zip(columns, head, strict=True):
        column.set_label(text)
    return any(column.role is Role.MEASUREMENT for column in columns)
