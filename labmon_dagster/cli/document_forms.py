"""Documents written out: as blocks, as a table with a column for each value, or as JSON lines."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

import polars as pl
import typer

from labmon_dagster.cli.common import output
from labmon_dagster.cli.document_blocks import cells, plain, write_blocks
from labmon_dagster.formats import Columns, Format, writer
from labmon_dagster.model import TIME
from labmon_dagster.model.documents import Document
from labmon_dagster.model.window import instant_text

_ID = "_id"
_FORMATS = [form.value for form in Format if form is not Format.LINE]


def check_form(form: Format) -> None:
    """Raise typer.BadParameter for a form that cannot carry documents."""
    if form is Format.LINE:
        raise typer.BadParameter(
            f"documents are nested, and line protocol cannot carry them; there are: {', '.join(_FORMATS)}"
        )


def write_documents(collection: str, documents: Iterable[Document], form: Format) -> int:
    """Write documents; give how many. As a table all are in memory, in other forms one at a time."""
    if form is Format.CSV:
        listed = list(documents)
        _flat(collection, listed)
        return len(listed)
    number = 0
    for one in documents:
        if form is Format.JSONL:
            output().write(f"{json_line(one)}\n")
        else:
            output().write("\n" * bool(number))
            write_blocks([one], output())
        number += 1
    return number


def json_line(one: Document) -> str:
    """Give a document as one line of JSON."""
    members = {TIME: instant_text(one.time), _ID: one.id, **plain(one)}
    return json.dumps(members, ensure_ascii=False)


def _flat(collection: str, documents: Sequence[Document]) -> None:
    """Write a line a document, and a column for each value there is in any."""
    found = [dict(cells(plain(one))) for one in documents]
    columns = Columns.of(collection, [_ID], {name for one in found for name in one})
    values: dict[str, Any] = {
        TIME: pl.Series([one.time for one in documents], dtype=pl.Int64).cast(pl.Datetime("ns", "UTC")),
        _ID: pl.Series([one.id for one in documents], dtype=pl.String),
    }
    values |= {name: pl.Series([one.get(name) for one in found], dtype=pl.String) for name in columns.fields}
    writer(Format.CSV, columns, output())(pl.DataFrame(values))
