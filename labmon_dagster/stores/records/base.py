"""What every store of records must do, whatever database lies behind it.

A record is known by its name. It is changed by comparing first: whoever changes it says in which state it
was seen, and of several who saw the same state one wins.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from labmon_dagster.stores.base import StoreError
from labmon_dagster.stores.documents.plain import HIDDEN, UnfitError, plain

NAME = "name"


@dataclass(frozen=True, slots=True)
class Record:
    """A record as it was seen: its fields in plain values, and how often labmon had changed it.

    ``key`` is its place in the database. Records that labmon did not make have revision 0.
    """

    name: str
    body: Mapping[str, Any]
    revision: int
    key: object


@dataclass(frozen=True, slots=True)
class Change:
    """What becomes of a record: fields that are set, and lists that get one more entry."""

    sets: Mapping[str, Any] = field(default_factory=dict)
    appends: Mapping[str, Any] = field(default_factory=dict)

    def plain(self) -> Change:
        """Give the same in plain values. Raises UnfitError."""
        appends = {name: plain({"entry": entry})["entry"] for name, entry in self.appends.items()}
        return Change(fitting(self.sets), appends)


class RecordStore(Protocol):
    """A store of records. All methods raise StoreError where the database is away or refuses."""

    def find(self, collection: str, name: str) -> Record | None:
        """Give the record of that name."""
        ...

    def select(self, collection: str, fields: tuple[str, ...] = ()) -> Iterator[Record]:
        """Give all records by name; ``fields``: only with these, their exact times too."""
        ...

    def insert(self, collection: str, name: str, body: Mapping[str, Any]) -> bool:
        """Make a record; False: there is one of that name. It is safe when this returns.

        Raises UnfitError for a body that no store can keep.
        """
        ...

    def change(self, collection: str, seen: Record, change: Change) -> bool:
        """Change a record if it is as it was seen; False: it is not. It is safe when this returns.

        Raises UnfitError.
        """
        ...

    def close(self) -> None:
        """Give back the connection."""
        ...


def fitting(body: Mapping[str, Any]) -> dict[str, Any]:
    """Give a body in plain values. Raises UnfitError, also for what the store itself writes."""
    return plain(body, HIDDEN)


def changed(record: Record, change: Change) -> dict[str, Any]:
    """Give the body after a change in plain values. Raises StoreError where a list is none."""
    body = {**record.body, **change.sets}
    for name, entry in change.appends.items():
        before = body.get(name, [])
        if not isinstance(before, list):
            raise StoreError(f"record {record.name!r}: {name} is no list")
        body[name] = [*before, entry]
    return body


__all__ = ["NAME", "Change", "Record", "RecordStore", "UnfitError", "changed", "fitting"]
