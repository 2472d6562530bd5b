"""A bar that shows on a terminal how far a file is read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from labmon_dagster.formats import printable
from labmon_dagster.replay.files import Opened

T = TypeVar("T")


def followed(file: Opened, found: Iterator[T]) -> Iterator[T]:
    """Show on a terminal how far the file is read; elsewhere say nothing."""
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    screen = Console(stderr=True)
    with Progress(*columns, console=screen, transient=True, disable=not screen.is_terminal) as progress:
        task = progress.add_task(printable(file.name), total=file.size)
        for one in found:
            yield one
            progress.update(task, completed=file.position)
