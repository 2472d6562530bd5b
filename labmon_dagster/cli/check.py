"""`labmon check`: everything that is wrong in the lab's YAML, with file and line."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from labmon_dagster.cli.common import examples, output, remark
from labmon_dagster.formats import SEVERAL, aligned

if TYPE_CHECKING:
    from labmon_dagster.cli.inspection import Found, Made

_EXAMPLES = examples("check", "check --defs ~/my_lab/defs")
_DEFS = Path(__file__).parent.parent / "defs"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("check", epilog=_EXAMPLES)(check)


def check(
    defs: Annotated[
        Path,
        typer.Option(
            help="The folder of the lab.", exists=True, file_okay=False, show_default="the lab's own"
        ),
    ] = _DEFS,
) -> None:
    """Check every YAML file of the lab; list its assets, or all errors as path:line: key: message."""
    from labmon_dagster.cli.inspection import inspect, whole_lab

    found, made, problems = inspect(defs)
    for problem in problems:
        remark(str(problem))
    errors = sum(not problem.warning for problem in problems)
    if not errors and defs == _DEFS and (wrong := whole_lab()):
        remark(f"{defs}: {wrong}")
        errors = 1
    if errors:
        remark(f"{errors} error{'s' * (errors != 1)}")
        raise typer.Exit(1)
    rows = sorted([*map(_row, found), *map(_made, made)])
    output().writelines(f"{line}\n" for line in (aligned([("asset", "measurement", "source"), *rows])))


def _made(one: Made) -> tuple[str, str, str]:
    source = one.component
    return source.asset, source.measurement, f"runs and streams, {source.field} of {source.readings}"


def _row(one: Found) -> tuple[str, str, str]:
    return one.feed.asset, one.feed.measurement or SEVERAL, getattr(one.component, "place", "")
