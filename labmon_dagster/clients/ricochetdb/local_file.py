"""Records in a local file: a JSON list, one record a line, with dates as MongoDB's extended JSON has them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from labmon_dagster.journal.disk import create
from labmon_dagster.journal.lock import exclusive
from labmon_dagster.stores.documents import extended


def add(path: Path, records: Sequence[dict[str, Any]]) -> None:
    """Add records behind those of a file, which is there as it was or with all of them, whatever happens.

    A file that is absent is made. Raises RuntimeError that names it, also for one that holds something else.
    """
    if not path.parent.is_dir():
        raise RuntimeError(f"{path} cannot be written: there is no folder {path.parent}")
    try:
        with exclusive(path.parent):
            known = read(path) if path.exists() else []
            create(path, _written([*known, *records]))
    except OSError as error:
        raise RuntimeError(f"{path} cannot be written: {error.strerror}") from error


def read(path: Path) -> list[dict[str, Any]]:
    """Read a file of records. Raises RuntimeError that names it, and the record that is none."""
    try:
        found = extended.body(path.read_text("utf-8"))
    except OSError as error:
        raise RuntimeError(f"{path} cannot be read: {error.strerror}") from error
    except (ValueError, TypeError) as error:
        raise RuntimeError(f"{path}: no JSON: {error}") from error
    if not isinstance(found, list):
        raise RuntimeError(f"{path}: a list of records was expected, not a {type(found).__name__}")
    for number, record in enumerate(found):
        if not isinstance(record, dict):
            raise RuntimeError(
                f"{path}: record {number} is a {type(record).__name__}; an object was expected"
            )
    return found


def _written(records: Sequence[dict[str, Any]]) -> bytes:
    lines = ",\n".join(extended.text(record) for record in records)
    return f"[\n{lines}\n]\n".encode()
