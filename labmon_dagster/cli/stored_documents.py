"""`labmon documents`: the documents of a collection out of the store, as blocks, JSON lines or CSV."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from itertools import islice
from typing import Annotated, Any

import typer

from labmon_dagster.cli.common import examples, instant_option, remark
from labmon_dagster.cli.document_blocks import cells, plain
from labmon_dagster.cli.document_forms import check_form, write_documents
from labmon_dagster.cli.query import pair
from labmon_dagster.formats import Format
from labmon_dagster.lookup import EARLIEST, LATEST, check_known, existing_documents
from labmon_dagster.model import Window
from labmon_dagster.model.documents import Document
from labmon_dagster.settings import DOCUMENTS
from labmon_dagster.stores import DocumentStore
from labmon_dagster.stores.documents.plain import exact

_EXAMPLES = examples(
    "documents cosmic_events --start -1h --limit 3",
    "documents cosmic_events --where run=12345 --where detector=0 --format jsonl > run12345.jsonl",
    "documents cosmic_events --start 2019-09-19 --where decoded.tdc_0.valid=true --format csv",
    "documents daq_messages --where topic=trigger --start -6h --format jsonl",
)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("documents", epilog=_EXAMPLES)(documents)


def documents(
    collection: Annotated[str, typer.Argument(help="Its name; a wrong one lists those there are.")],
    start: Annotated[
        str | None, typer.Option(help="First instant: 2021-06-25, RFC 3339, -2d or -6h.")
    ] = None,
    end: Annotated[str | None, typer.Option(help="The instant to stop before.")] = None,
    where: Annotated[
        list[str] | None,
        typer.Option(help="Only documents with this value, as key=value or key.key=value. Repeatable."),
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first so many.")] = None,
    form: Annotated[Format, typer.Option("--format", help="How they are written; not line.")] = Format.TABLE,
    store: Annotated[
        str, typer.Option("--store", help="The store of documents; LABMON_<NAME>_URL says where it is.")
    ] = DOCUMENTS,
) -> None:
    """Show the documents of COLLECTION from --start to before --end, by time.

    Times without a zone are UTC. As JSON lines they are read some at a time: any number fits into memory.
    """
    check_form(form)
    window = Window(instant_option(start, EARLIEST), instant_option(end, LATEST))
    wanted = [pair(text) for text in where or []]
    with closing(existing_documents(store)) as source:
        check_known("collection", [collection], source.collections())
        found = islice(_found(source, collection, window, wanted), limit)
        shown = write_documents(collection, found, form)
    if not shown:
        remark("no documents")


def _found(
    store: DocumentStore, collection: str, window: Window, wanted: Sequence[tuple[str, str]]
) -> Iterator[Document]:
    for kept in store.fetch(collection, window):
        one = Document(kept.id, kept.time, exact(kept.body), kept.order, kept.place)
        if not wanted or _fits(plain(one), wanted):
            yield one


def _fits(body: Mapping[str, Any], wanted: Sequence[tuple[str, str]]) -> bool:
    """Whether all of the values are there, written as JSON or as the text they are."""
    there = dict(cells(body))
    return all(there.get(key) == value for key, value in wanted)
