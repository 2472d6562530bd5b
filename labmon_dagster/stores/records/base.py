"""What every store of records must do, whatever database lies behind it.

A record is known by its name. It is changed by comparing first: whoever changes it says in which state it
was seen, and of several who saw the same state one wins.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from labmon_dagster.stores.base import StoreError
from labmon_dagster.stores.documents.admission import check_size
from labmon_dagster.stores.documents.plain import HIDDEN, UnfitError, plain

NAME = "name"
LARGEST = 16 * 1024 * 1024 - 8192
"""Bytes (BSON) that a record may have: MongoDB's limit, with room for what labmon notes in it."""


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
    """What becomes of a record: fields that are set, lists that get one more entry, or several (``extends``).

    ``holds``: fields that it rests on. Like those that are set they must be as they were seen, also where
    another program changes records without counting.
    """

    sets: Mapping[str, Any] = field(default_factory=dict)
    appends: Mapping[str, Any] = field(default_factory=dict)
    holds: tuple[str, ...] = ()
    extends: Mapping[str, Sequence[Any]] = field(default_factory=dict)

    @property
    def entries(self) -> dict[str, list[Any]]:
        """What the lists get."""
        appended = {name: [entry] for name, entry in self.appends.items()}
        return {**appended, **{name: list(entries) for name, entries in self.extends.items()}}

    def plain(self) -> Change:
        """Give the same in plain values. Raises UnfitError."""
        _check_fields([*self.sets, *self.appends, *self.extends])
        sets = fitting(self.sets)
        entries = {
            name: [fitting({name: one})[name] for one in several] for name, several in self.entries.items()
        }
        return Change(sets, {}, self.holds, entries)


class RecordStore(Protocol):
    """A store of records. All methods raise StoreError where the database is away or refuses."""

    def find(self, collection: str, name: str, *, newest: bool = False) -> Record | None:
        """Give the record of that name.

        ``newest``: as all that was acknowledged has left it, for certain. Else it may be an earlier state,
        from a server that does not know yet that another one was elected.
        """
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

    def find_many(self, collection: str, names: Iterable[str]) -> dict[str, Record]:
        """Give those of some records that are there, by name."""
        ...

    def attempt(
        self, collection: str, fields: Mapping[str, Mapping[str, Any]], seen: Mapping[str, Record]
    ) -> None:
        """Set fields of some records, by name, that are as they were ``seen``; make those that were not.

        What was done is safe when this returns, but nothing is said of single records: who attempts looks
        again, and does what was not done one by one. Raises UnfitError before anything is written.
        """
        ...

    def close(self) -> None:
        """Give back the connection."""
        ...


def fitting(body: Mapping[str, Any]) -> dict[str, Any]:
    """Give a body in plain values. Raises UnfitError, also for what the store itself writes."""
    made = plain(body, HIDDEN)
    check_size("", made, LARGEST)
    return made


def named(name: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """Give the body of a new record, its name in it, in plain values. Raises UnfitError."""
    if not isinstance(name, str) or not name:
        raise UnfitError(f"the name {name!r} is no text, or empty")
    return fitting({**body, NAME: name})


def findable(name: str) -> bool:
    """Whether a record may have that name: it is text, and text that databases can be asked for."""
    try:
        return bool(name.encode())
    except (AttributeError, UnicodeEncodeError):
        return False


def changed(record: Record, change: Change) -> dict[str, Any]:
    """Give the body after a change in plain values. Raises StoreError where a list is none, UnfitError."""
    body = {**record.body, **change.sets}
    for name, entries in change.entries.items():
        before = [] if body.get(name) is None else body[name]
        if not isinstance(before, list):
            raise StoreError(f"record {record.name!r}: {name} is no list")
        body[name] = [*before, *entries]
    check_size(record.name, body, LARGEST)
    return body


def _check_fields(fields: list[str]) -> None:
    for name in fitting(dict.fromkeys(fields)):
        if not name or "." in name or name == NAME:
            raise UnfitError(f"field {name!r} cannot be changed: neither {NAME}, nor one with a dot in it")
        if fields.count(name) > 1:
            raise UnfitError(f"field {name!r} is set and appended to in one change")


__all__ = [
    "LARGEST",
    "NAME",
    "Change",
    "Record",
    "RecordStore",
    "UnfitError",
    "changed",
    "findable",
    "fitting",
    "named",
]
