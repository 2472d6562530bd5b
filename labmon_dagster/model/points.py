"""Points as texts give them: line protocol, annotated CSV, JSON lines, before anyone says where they go."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from labmon_dagster.model.measurement import Measurement


@dataclass(frozen=True, slots=True)
class Points:
    """Some rows of one measurement, in the order of the text.

    ``rows`` has the columns of ``measurement.schema``: ``time`` (Datetime ns UTC; null where the text gives
    none), tags ('' where absent), fields (null where absent), ``_order`` (0) and ``_place``: the line of the
    text, counted from 1.
    """

    measurement: Measurement
    rows: pl.DataFrame


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that is no point: ``line`` and ``column`` count from 1 (column 0: the line as a whole).

    ``reason`` says what is wrong and what is allowed, ``raw`` is the line as it stood.
    """

    line: int
    column: int
    reason: str
    raw: str

    def __str__(self) -> str:
        column = f", column {self.column}" if self.column else ""
        return f"line {self.line}{column}: {self.reason}"
