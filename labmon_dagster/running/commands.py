"""How the processes of the lab are called."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from labmon_dagster.running.place import LOCAL, LOCATION

Command = Sequence[str]
_LABMON = (sys.executable, "-c", "from labmon_dagster.cli import app; app()")
_DAGSTER = (sys.executable, "-m", "dagster")
_CHECK = """
import sys
from labmon_dagster.cli import app
if code := app(["check"], standalone_mode=False):
    sys.exit(code)
from dagster import DagsterInstance
DagsterInstance.get().dispose()
"""


def check() -> Command:
    """Check the YAML files of the lab, and make Dagster's databases.

    Of several processes that find no databases, all would make them at once, and all but one fail.
    """
    return sys.executable, "-c", _CHECK


def emulator(name: str, *more: str) -> Command:
    """Write as an instrument of the lab does, where the lab reads it."""
    return *_LABMON, "emulate", name, *more


def collector() -> Command:
    """Ask the devices of the lab."""
    return *_LABMON, "collect"


def code_server(port: int) -> Command:
    """Serve the lab's definitions to Dagster, and start its runs."""
    at = ("-h", LOCAL, "-p", str(port))
    return (
        *_DAGSTER,
        "code-server",
        "start",
        *at,
        "-m",
        "labmon_dagster.definitions",
        "--location-name",
        LOCATION,
    )


def webserver(port: int, workspace: Path) -> Command:
    """Show the UI."""
    return sys.executable, "-m", "dagster_webserver", "-w", str(workspace), "-h", LOCAL, "-p", str(port)


def daemon(workspace: Path) -> Command:
    """Work off schedules, sensors and the queue of runs."""
    return sys.executable, "-m", "dagster._daemon", "run", "-w", str(workspace)
