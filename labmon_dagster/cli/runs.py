"""`labmon runs`, `streams` and `detectors`: what was measured, with what, and what became of it."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import Annotated, Any, TypeAlias

import typer
from rich.text import Text

from labmon_dagster.cli.common import StoreName, Told, complain, examples, instant_option, output, remark
from labmon_dagster.cli.months import console
from labmon_dagster.cli.record_kinds import DETECTORS, RUNS, STREAMS, Kind, body_of, exact_row
from labmon_dagster.cli.record_making import add_making
from labmon_dagster.cli.record_view import show_record
from labmon_dagster.cli.status import Shape
from labmon_dagster.formats import aligned, printable
from labmon_dagster.lookup import EARLIEST
from labmon_dagster.records.managers import M, Records
from labmon_dagster.records.models import Dated
from labmon_dagster.records.spans import existing_lab, window_of
from labmon_dagster.records.words import RUNNING, STOPPED
from labmon_dagster.settings import DOCUMENTS

_HELP = "{what}: list them, show one{act}."
_STYLES = {RUNNING: "green", STOPPED: "", "created": "dim"}
_LONGEST = 60  # characters of a cell of a list


class Form(StrEnum):
    """How a list is written."""

    TABLE = "table"
    CSV = "csv"
    JSONL = "jsonl"


FormOption: TypeAlias = Annotated[Form, typer.Option("--format", help="How the list is written.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for kind, what in (
        (RUNS, "The runs of the lab"),
        (STREAMS, "The streams of data"),
        (DETECTORS, "The detectors there are"),
    ):
        group = typer.Typer(cls=Told, no_args_is_help=True, rich_markup_mode=None)
        _add_looking(group, kind)
        add_making(group, kind)
        act = ", create, start and stop one" if kind.dated else ", create one"
        app.add_typer(group, name=kind.group, help=_HELP.format(what=what, act=act))


def _add_looking(group: typer.Typer, kind: Kind) -> None:
    name = kind.group
    lists = [f"{name} list", f"{name} list --format csv > {name}.csv"]
    if kind.dated:
        lists[1:1] = [f"{name} list --running", f"{name} list --since 2026-11-01"]
    command = _dated_list(kind) if kind.dated else _plain_list(kind)
    group.command("list", help=command.__doc__, epilog=examples(*lists))(command)
    one = {"runs": "run12", "streams": "stream001", "detectors": "RED15"}[name]
    group.command("show", epilog=examples(f"{name} show {one}", f"{name} show {one} --format json"))(
        _show(kind)
    )


def _dated_list(kind: Kind) -> Callable[..., None]:
    def listed(
        running: Annotated[bool, typer.Option("--running", help="Only what is running now.")] = False,
        since: Annotated[
            str | None, typer.Option(help="Only what was going on since: 2026-11-01, RFC 3339, -2d or -6h.")
        ] = None,
        form: FormOption = Form.TABLE,
        store: StoreName = DOCUMENTS,
    ) -> None:
        earliest = instant_option(since, EARLIEST)

        def wanted(record: Dated) -> bool:
            window = window_of(record)
            going = since is None or (window is not None and window.end > earliest)
            return going and (record.running or not running)

        _list(kind, form, store, wanted)

    listed.__doc__ = f"List the {kind.group} by name; times are UTC."
    return listed


def _plain_list(kind: Kind) -> Callable[..., None]:
    def listed(form: FormOption = Form.TABLE, store: StoreName = DOCUMENTS) -> None:
        _list(kind, form, store, lambda record: True)

    listed.__doc__ = f"List the {kind.group} by name."
    return listed


def _list(kind: Kind, form: Form, store: str, wanted: Callable[[Any], bool]) -> None:
    with existing_lab(store) as lab, _telling(kind.of(lab)) as records:
        found = (record for record in records if wanted(record))
        if form is Form.JSONL:
            output().writelines(json.dumps(body_of(one), ensure_ascii=False) + "\n" for one in found)
        elif form is Form.CSV:
            csv.writer(output(), lineterminator="\n").writerows(
                [kind.head, *(exact_row(kind, one) for one in found)]
            )
        else:
            _table(kind, [kind.row(one) for one in found])


@contextmanager
def _telling(records: Records[M]) -> Iterator[Iterable[M]]:
    """Give all records; what is not understood is told of, and makes the exit code 1 in the end."""
    troubles: list[str] = []
    yield records.all(troubles.append)
    for trouble in troubles:
        complain(trouble)
    if troubles:
        raise typer.Exit(1)


def _table(kind: Kind, rows: list[tuple[str, ...]]) -> None:
    if not rows:
        remark(f"no {kind.group}")
        return
    head, *lines = aligned([kind.head, *([_cut(cell) for cell in row] for row in rows)])
    screen = console()
    screen.print(Text(head, style="bold"))
    for line, row in zip(lines, rows, strict=True):
        screen.print(Text(line, style=_STYLES.get(row[1], "") if kind.dated else ""))


def _cut(text: str) -> str:
    shown = printable(text)
    return shown if len(shown) <= _LONGEST else f"{shown[: _LONGEST - 1]}…"


def _show(kind: Kind) -> Callable[..., None]:
    def show(
        name: Annotated[str, typer.Argument(help="Its name; a wrong one lists some of those there are.")],
        shape: Annotated[Shape, typer.Option("--format", help="How it is written.")] = Shape.TABLE,
        store: StoreName = DOCUMENTS,
    ) -> None:
        """Show all there is of one, and what belongs to it; times are UTC."""
        with existing_lab(store) as lab:
            show_record(kind, lab, name, as_json=shape is Shape.JSON)

    return show
