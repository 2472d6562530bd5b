"""Documents as blocks of lines: whose it is, then a line for each value, with its unit where it has one."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, TextIO

from labmon_dagster.formats import aligned, printable
from labmon_dagster.landing.document_pieces import raw_text
from labmon_dagster.model.documents import Document
from labmon_dagster.model.window import instant_text

_VALUES, _UNITS, _MISSING, _TIMESTAMP = "values", "units", "missing", "timestamp"
_WHOSE = ("device", "type", "address")
_SHOWN = 120  # characters of a value


def plain(one: Document) -> dict[str, Any]:
    """Give the body as JSON has it, whatever it holds; instants as RFC 3339."""
    return plain_body(one.body)


def plain_body(body: Mapping[str, Any]) -> dict[str, Any]:
    """Give any body as JSON has it; instants as RFC 3339."""
    return dict(json.loads(raw_text(_timed(body))))


def cells(record: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, str]]:
    """Give each value of a record with its dotted name, as text; lists as JSON."""
    for key, value in record.items():
        if isinstance(value, dict) and value and not next(iter(value)).startswith("$"):
            yield from cells(value, f"{path}{key}.")
        elif (
            isinstance(value, dict)
            and len(value) == 1
            and isinstance(inner := next(iter(value.values())), str)
        ):
            yield f"{path}{key}", inner
        elif value is not None:
            yield f"{path}{key}", value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def write_blocks(documents: Sequence[Document], stream: TextIO) -> None:
    """Write documents one below the other, an empty line between them."""
    for number, one in enumerate(documents):
        if number:
            stream.write("\n")
        stream.writelines(f"{line}\n" for line in _block(one))


def _block(one: Document) -> Iterator[str]:
    body = plain(one)
    if body.get(_TIMESTAMP) == instant_text(one.time):
        del body[_TIMESTAMP]  # it says again what the head says
    whose = [body.pop(name) for name in _WHOSE if isinstance(body.get(name), str)]
    yield "  ".join(map(printable, (instant_text(one.time), one.id, *whose)))
    rows = list(_rows(body))
    if rows:
        yield from (f"  {line}" for line in aligned(rows))


def _rows(body: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Give name, value and unit of all there is; what is missing comes last, with the reason."""
    units = _taken(body, _UNITS)
    values, missing = _taken(body, _VALUES), _taken(body, _MISSING)
    for name, text in [*cells(body), *cells(values)]:
        yield printable(name), _cut(text), printable(str(units.get(name, "")))
    for name, text in cells(missing):
        yield printable(name), f"missing: {_cut(text)}", ""


def _taken(body: dict[str, Any], name: str) -> dict[str, Any]:
    """Take a record out of a body; what has its name, but is none, stays."""
    return body.pop(name) if isinstance(body.get(name), dict) else {}


def _cut(text: str) -> str:
    shown = printable(text) or '""'
    return shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}…"


def _timed(value: Any) -> Any:
    """Give a value with its instants written out: nine digits where they have a zone."""
    if isinstance(value, Mapping):
        return {key: _timed(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_timed(inner) for inner in value]
    if not isinstance(value, datetime):
        return value
    if value.tzinfo is None:
        return value.isoformat()
    return instant_text(_nanoseconds(value))


def _nanoseconds(value: datetime) -> int:
    """Count ns since 1970; pandas' Timestamps keep theirs."""
    whole = round(value.replace(microsecond=0).timestamp()) * 10**9
    return whole + value.microsecond * 1000 + int(getattr(value, "nanosecond", 0))
