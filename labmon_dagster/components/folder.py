"""Folders of this machine as YAML files name them: those under LABMON_HOME are ours, others must be there."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeAlias

from pydantic import AfterValidator, Field

from labmon_dagster import settings
from labmon_dagster.sources.processing.folder import Folder, check_pattern


def _local(given: str) -> str:
    if "://" in given:
        raise ValueError("a folder of this machine, not a URL")
    return given


Directory: TypeAlias = Annotated[str, Field(min_length=1), AfterValidator(_local)]
NamePattern: TypeAlias = Annotated[
    str, Field(description="regular expression for whole names of files"), AfterValidator(check_pattern)
]


def folder_of(directory: str, pattern: str) -> Folder:
    """Give the folder with the files of a pattern."""
    return Folder(Path(settings.lab_folder(directory)), pattern, _is_own(directory))


def absent_folder(directory: str) -> tuple[str, str] | None:
    """Say that a folder is not there, unless it is one of ours: the setting, and words."""
    there = _is_own(directory) or Path(directory).is_dir()
    return None if there else ("directory", f"there is no folder {directory} yet")


def _is_own(directory: str) -> bool:
    return not Path(directory).is_absolute()
