"""The mark that a pruned day leaves: a small JSON file that says when and how much was removed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec

from labmon_dagster.journal import disk
from labmon_dagster.journal.line import FileError, FormatError

FORMAT = 1


class _Stone(msgspec.Struct):
    labmon_pruned: int
    source: str
    when: str
    size: Annotated[int, msgspec.Meta(gt=0)]


def size(path: Path) -> int:
    """Bytes of the day that were removed, from its beginning; 0 if there is no such file.

    Raises FileError for a file that cannot be understood.
    """
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        return 0
    try:
        found = msgspec.json.decode(raw, type=_Stone)
    except (msgspec.MsgspecError, ValueError) as error:
        raise FileError(f"{path}: does not say what was pruned: {error}") from error
    if found.labmon_pruned != FORMAT:
        raise FormatError(f"{path}: format {found.labmon_pruned}, but this program reads format {FORMAT}")
    return found.size


def write(path: Path, source: str, when: str, size: int) -> None:
    """Say durably that the first ``size`` bytes of the day were removed at ``when`` (a text)."""
    disk.create(path, msgspec.json.encode(_Stone(FORMAT, source, when, size)) + b"\n")
