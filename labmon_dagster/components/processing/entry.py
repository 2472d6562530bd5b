"""What the journal notes of a file of processing output, beside its bytes."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from labmon_dagster.journal import Entry, Meta
from labmon_dagster.model.window import instant_text
from labmon_dagster.records.processing import Version
from labmon_dagster.sources.processing.folder import Found


class State(StrEnum):
    """What became of a file when it was journalled; this is never judged again."""

    GOOD = "good"
    OUTDATED = "outdated"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class Taken:
    """A file that was journalled: which, what its content was, and what it says.

    ``made`` is the time of its data (UTC ns); ``newer`` that of newer data of its stream, where there were
    such; ``wrong`` says why it is broken. Of a broken file ``stream`` is '' and ``made`` 0.
    """

    found: Found
    digest: str
    stream: str = ""
    made: int = 0
    records: int = 0
    newer: int | None = None
    wrong: str | None = None

    @classmethod
    def of(cls, entry: Entry) -> Taken:
        """Give what an entry notes. Raises ValueError for one that notes no file."""
        try:
            name, changed, size, digest, stream, made, records = (entry.meta[key] for key in _KEYS)
            newer, wrong = entry.meta["outdated"], entry.meta["wrong"]
        except KeyError as error:
            raise ValueError(f"an entry that notes no file of processing output: no {error}") from error
        return cls(
            Found(str(name), _number(changed), _number(size)),
            str(digest),
            str(stream),
            _number(made),
            _number(records),
            None if newer is None else _number(newer),
            None if wrong is None else str(wrong),
        )

    @property
    def meta(self) -> Meta:
        """What the journal notes."""
        found = self.found
        values = (found.name, found.changed, found.size, self.digest, self.stream, self.made, self.records)
        return {**dict(zip(_KEYS, values, strict=True)), "outdated": self.newer, "wrong": self.wrong}

    @property
    def state(self) -> State:
        """What became of it."""
        if self.wrong is not None:
            return State.BROKEN
        return State.GOOD if self.newer is None else State.OUTDATED

    @property
    def version(self) -> Version:
        """The version of its stream that it holds."""
        return Version(self.stream, self.made, self.records, self.found.name)

    @property
    def about(self) -> str:
        """The file and what is to be said of it, for people."""
        name = self.found.name
        if self.wrong is not None:
            return f"{name}: {self.wrong}"
        if self.newer is None:
            return f"{name}: stream {self.stream} of {instant_text(self.made)}, {self.records} records"
        known = f"there are data of {instant_text(self.newer)}"
        return f"{name}: outdated: stream {self.stream} of {instant_text(self.made)}, but {known}"


_KEYS = ("name", "mtime_ns", "size", "digest", "stream", "file_ts", "records")


def _number(value: object) -> int:
    if not isinstance(value, int):
        raise ValueError(f"an entry that notes no file of processing output: {value!r} is no integer")
    return value
