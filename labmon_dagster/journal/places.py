"""Finding journals on the disk."""

from __future__ import annotations

from pathlib import Path

from labmon_dagster.journal.journal import Journal


def sources(root: Path) -> list[str]:
    """Names of the journals below ``root`` that have days, or had them before they were pruned."""
    found = {folder for folder in root.rglob("*") if folder.is_dir()} if root.is_dir() else set()
    names = sorted(str(folder.relative_to(root)) for folder in found)
    return [name for name in names if not _hidden(name) and _used(Journal(root, name))]


def _hidden(name: str) -> bool:
    return any(part.startswith(".") for part in name.split("/"))


def _used(journal: Journal) -> bool:
    return bool(journal.days() or journal.pruned_days())
