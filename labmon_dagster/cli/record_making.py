"""Making records from the command line, and letting them begin and end."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import typer

from labmon_dagster.cli.common import StoreName, examples, instant_option
from labmon_dagster.cli.record_kinds import DETECTORS, RUNS, STREAMS, Kind
from labmon_dagster.lookup import instant
from labmon_dagster.model.window import moment
from labmon_dagster.records.lab import lab_records
from labmon_dagster.records.managers import DatedRecords
from labmon_dagster.records.models import START, STOP
from labmon_dagster.records.spans import begins, ends, existing_lab, known, window_of
from labmon_dagster.records.words import duration_text, short_time
from labmon_dagster.settings import DOCUMENTS
from labmon_dagster.stores.documents import extended

Name: TypeAlias = Annotated[str, typer.Argument(help="Its name; a wrong one lists some of those there are.")]
NewName: TypeAlias = Annotated[
    str | None, typer.Argument(help="Its name, where no --file says it.", show_default=False)
]
File: TypeAlias = Annotated[
    str | None, typer.Option("--file", help="A JSON file with all its fields; - reads what is piped in.")
]
Description: TypeAlias = Annotated[str | None, typer.Option(help="What is to be known of it.")]
At: TypeAlias = Annotated[str | None, typer.Option("--at", help="When: 2026-11-21T10:00, RFC 3339, -10min.")]


def add_making(group: typer.Typer, kind: Kind) -> None:
    """Add the commands that make and change records of a kind."""
    name = kind.group
    commands: dict[str, Callable[..., None]] = {
        "runs": _create_run,
        "streams": _create_stream,
        "detectors": _create_detector,
    }
    shown = {
        "runs": ('runs create run12 --detector RED15 --description "cold, source in"',),
        "streams": (),
        "detectors": ('detectors create RED15 --description "germanium, 38 g"',),
    }[name]
    group.command("create", epilog=examples(*shown, f"{name} create --file {kind.word}.json"))(commands[name])
    if not kind.dated:
        return
    one = {"runs": "run12", "streams": "stream001"}[name]
    for act in ("start", "stop"):
        told = examples(f"{name} {act} {one}", f"{name} {act} {one} --at 2026-11-21T10:00:00Z")
        group.command(act, help=f"Let one {act}, now or --at a time (UTC).", epilog=told)(_acting(kind, act))


def _create_run(
    name: NewName = None,
    detector: Annotated[
        list[str] | None, typer.Option(help="A detector that is measured. Repeatable.")
    ] = None,
    description: Description = None,
    file: File = None,
    store: StoreName = DOCUMENTS,
) -> None:
    """Create a run, from options or a file. Its detectors must be known; `start` lets it begin."""
    detectors = [{"name": one} for one in detector or []] or None
    _create(RUNS, {"name": name, "detector": detectors, "description": description}, file, store)


def _create_stream(file: File = None, store: StoreName = DOCUMENTS) -> None:
    """Create a stream from a file with name, acq_config, channel_config and comment."""
    _create(STREAMS, {}, file, store)


def _create_detector(
    name: NewName = None, description: Description = None, file: File = None, store: StoreName = DOCUMENTS
) -> None:
    """Create a detector, from options or a file."""
    _create(DETECTORS, {"name": name, "description": description}, file, store)


def _create(kind: Kind, options: dict[str, Any], file: str | None, store: str) -> None:
    given = {name: value for name, value in options.items() if value is not None}
    if (file is None) == (not given):
        choice = "either a name or --file" if options else "--file"
        raise typer.BadParameter(f"say what the {kind.word} is: give {choice}")
    with lab_records(store) as lab:
        made = kind.of(lab).create(given if file is None else _read(file))
    typer.echo(f"created {kind.word} {made.name}")


def _read(file: str) -> dict[str, Any]:
    """Read a record, its times as datetimes. Raises ValueError naming the file, OSError."""
    text = sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
    try:
        given = extended.body(text)
        if not isinstance(given, dict):
            raise ValueError(f"a record is a JSON object, not a {type(given).__name__}")
        return _timed(given)
    except ValueError as error:
        raise ValueError(f"{file}: {error}") from error


def _timed(given: dict[str, Any]) -> dict[str, Any]:
    """Take the texts of the fields that are times as such."""
    dates = {name: _time(given[name]) for name in (START, STOP) if name in given}
    history = given.get("history")
    if isinstance(history, list):
        dates["history"] = [
            {**one, "timestamp": _time(one["timestamp"])}
            if isinstance(one, dict) and "timestamp" in one
            else one
            for one in history
        ]
    return {**given, **dates}


def _time(value: Any) -> Any:
    return moment(instant(value)) if isinstance(value, str) else value


def _acting(kind: Kind, act: str) -> Callable[..., None]:
    def acted(name: Name, at: At = None, store: StoreName = DOCUMENTS) -> None:
        ns = instant_option(at, 0)
        when = None if at is None else moment(ns)
        with existing_lab(store) as lab:
            records = kind.of(lab)
            assert isinstance(records, DatedRecords)
            known(records, name)
            typer.echo(_said(kind, records, name, act, when))

    return acted


def _said(kind: Kind, records: DatedRecords[Any], name: str, act: str, when: datetime | None) -> str:
    if act == "start":
        return f"{kind.word} {name} started at {short_time(begins(records.start(name, when)))}"
    done = records.stop(name, when)
    return f"{kind.word} {name} stopped at {short_time(ends(done))} after {duration_text(window_of(done))}"
