"""The page of a run in Markdown: what it was, its streams, and the temperature during it."""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence

import polars as pl

from labmon_dagster.model import Window
from labmon_dagster.records.models import Run, Stream
from labmon_dagster.records.plot import plot
from labmon_dagster.records.spans import begins, ends, window_of
from labmon_dagster.records.words import (
    duration_text,
    processing_text,
    readings_text,
    short_time,
    state,
    temperature_text,
)

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>()#+!|~&$-])")
_STREAMS = 200
_NARROW = ("stream", "temperature", "duration")
_HEAD = ("stream", "state", "start", "duration", "status", "temperature", "processing")


def page(run: Run, streams: Sequence[Stream], temperatures: pl.DataFrame, field: str, now: int) -> str:
    """Give the page of a run. ``temperatures``: ``time`` and ``field`` (K) during it; ``now``: UTC ns."""
    window = window_of(run, now)
    said = [
        f"## Run {escaped(run.name)}",
        table(("", ""), [(name, escaped(text)) for name, text in _facts(run, now).items()]),
    ]
    said += [f"### {len(streams)} stream{'s' * (len(streams) != 1)}", stream_table(streams, now)]
    if window is not None:
        said += ["### Temperature", *_temperature(streams, temperatures, field, window, now)]
    return "\n\n".join(said) + "\n"


def stream_table(streams: Sequence[Stream], now: int, *, narrow: bool = False) -> str:
    """The streams of a run as a table in Markdown; ``now``: UTC ns.

    A ``narrow`` one fits beside the other figures of an asset.
    """
    if not streams:
        return "none yet"
    head, row = (_NARROW, _narrow_row) if narrow else (_HEAD, _row)
    rows = [row(one, now) for one in streams[:_STREAMS]]
    more = len(streams) - _STREAMS
    told = f"\n\n… and {more} more: `labmon runs show` lists them all." if more > 0 else ""
    return table(head, rows) + told


def _facts(run: Run, now: int) -> dict[str, str]:
    window = window_of(run, now)
    return {
        "state": state(run),
        "start": short_time(begins(run)),
        "stop": short_time(ends(run)),
        "duration": duration_text(window) + (" so far" if run.running else ""),
        "detectors": ", ".join(run.detectors),
        "description": run.description,
    }


def _row(stream: Stream, now: int) -> tuple[str, ...]:
    cells = (
        stream.name,
        state(stream),
        short_time(begins(stream)),
        duration_text(window_of(stream, now)),
        "" if stream.status is None else str(stream.status),
        "" if stream.temperature is None else readings_text(stream.temperature),
        processing_text(stream),
    )
    return tuple(map(escaped, cells))


def _narrow_row(stream: Stream, now: int) -> tuple[str, ...]:
    duration = duration_text(window_of(stream, now)) + (" so far" if stream.running else "")
    return escaped(stream.name), _unbroken(temperature_text(stream.temperature)), _unbroken(duration)


def _temperature(
    streams: Sequence[Stream], rows: pl.DataFrame, field: str, window: Window, now: int
) -> list[str]:
    if rows.is_empty():
        return ["No readings yet."]
    low, high = float(rows[field].to_numpy().min()), float(rows[field].to_numpy().max())
    spans = [span for one in streams if (span := window_of(one, now)) is not None]
    drawn = plot(rows, field, window, f"{field} (K)", spans)
    shown = base64.b64encode(drawn.encode(errors="replace")).decode()
    return [
        f"{rows.height} readings, from {low:.4g} K to {high:.4g} K; streams are shaded.",
        f"![temperature in K against time in UTC](data:image/svg+xml;base64,{shown})",
    ]


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown; cells are Markdown already."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def escaped(text: str) -> str:
    """Give a text that Markdown shows as it is, in one line."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))


def _unbroken(text: str) -> str:
    return text.replace(" ", "\N{NO-BREAK SPACE}")


def temperature_table(streams: Sequence[Stream]) -> str:
    """The temperatures of some streams as a table in Markdown."""
    head = ("stream", "stop", "mean ± standard deviation", "readings")
    rows = [_temperature_row(one) for one in streams]
    return table(head, rows) if rows else "none"


def _temperature_row(stream: Stream) -> tuple[str, ...]:
    told = stream.temperature
    readings = "" if told is None or told.readings is None else str(told.readings)
    return escaped(stream.name), short_time(ends(stream)), _unbroken(temperature_text(told)), readings
