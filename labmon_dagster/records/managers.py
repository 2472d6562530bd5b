"""Making and changing records, with the rules that keep them true. Nothing is written unless all holds."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, ClassVar, Generic, TypeVar

from pydantic import ValidationError

from labmon_dagster.records.errors import RecordError, shown, told
from labmon_dagster.records.instants import aware, in_utc
from labmon_dagster.records.models import START, STOP, Dated, Detector, Run, check_order, lacking
from labmon_dagster.records.reading import read
from labmon_dagster.stores.documents.plain import UnfitError
from labmon_dagster.stores.records import Change, Record, RecordStore
from labmon_dagster.stores.records.base import changed

M = TypeVar("M", bound=Detector)
D = TypeVar("D", bound=Dated)
_TRIES = 10_000  # of one change, each spoilt by another that was faster


class Records(Generic[M]):
    """The records of one collection. All methods raise StoreError where the database is away."""

    model: ClassVar[type[Detector]]

    def __init__(self, store: RecordStore, collection: str) -> None:
        self.store = store
        self.collection = collection

    def create(self, given: Mapping[str, Any]) -> M:
        """Make a record. Raises RecordError, naming the field, where it may not be made."""
        if not isinstance(given, Mapping):
            raise self.wrong(None, f"a record is given as a dict, not as {type(given).__name__}")
        name = given.get("name")
        if absent := lacking(self.model, given):
            must = ", ".join(self.model.mandatory)
            raise self.wrong(name, f"field {', '.join(absent)} is missing; mandatory are {must}")
        body = self.in_utc(name, given)
        with self.naming(name):
            made = self.understood(name, body)
            self.check(made)
            if not self.store.insert(self.collection, made.name, body):
                raise self.wrong(name, "field name: there is a record of this name already")
        return made

    def check(self, record: M) -> None:
        """Raise RecordError where a record contradicts others."""

    def get(self, name: str) -> M:
        """Give a record. Raises RecordError where there is none of that name."""
        return self.read(self._seen(name))

    def all(self, trouble: Callable[[str], object] | None = None) -> Iterator[M]:
        """Give all records by name. ``trouble`` is told of what is not understood (else RecordError).

        Those are left out whose times are not understood.
        """
        for seen in self.store.select(self.collection):
            try:
                found = self.read(seen)
                if found.unclear and trouble is None:
                    self.check_clear(found, *found.unclear)
            except RecordError as error:
                if trouble is None:
                    raise
                trouble(str(error))
                continue
            if trouble is not None:
                for why in found.unclear.values():
                    trouble(str(self.wrong(seen.name, why)))
            yield found

    def changed(self, name: str, decide: Callable[[M], Change]) -> M:
        """Change a record as ``decide`` says, which is asked again where another was faster.

        What it refuses is refused if the newest state of the record is so.
        """
        newest = False
        for _ in range(_TRIES):
            seen = self._seen(name, newest)
            with self.naming(name):
                try:
                    change = decide(self.read(seen))
                except RecordError:
                    if newest:
                        raise
                    newest = True
                    continue
                after = self.read(replace(seen, body=changed(seen, change.plain())))
                if self.store.change(self.collection, seen, change):
                    return after
        raise self.wrong(name, f"others were faster {_TRIES} times; it was not changed")

    def understood(self, name: object, body: Mapping[str, Any]) -> M:
        """Give a record with its types. Raises RecordError."""
        with self.naming(name):
            return self.model.model_validate(body)  # type: ignore[return-value]

    def read(self, seen: Record) -> M:
        """Give a record that any program may have made (see `read`). Raises RecordError."""
        with self.naming(seen.name):
            return read(self.model, seen.body)  # type: ignore[return-value]

    def check_clear(self, record: Detector, *fields: str) -> None:
        """Raise RecordError where a field is not understood, so that nothing can be said or added."""
        for field in fields:
            if field in record.unclear:
                raise self.wrong(record.name, record.unclear[field])

    def in_utc(self, name: object, given: Mapping[str, Any]) -> dict[str, Any]:
        """Give fields with all instants in UTC. Raises RecordError."""
        found = {}
        for field, value in given.items():
            with self.naming(name, str(field)):
                found[field] = aware(value)
        return found

    def wrong(self, name: object, why: str) -> RecordError:
        """Give the error that names a record."""
        return RecordError(f"{self.model.kind} {shown(name)} in {self.collection}: {why}")

    @contextmanager
    def naming(self, name: object, field: str = "") -> Iterator[None]:
        """Say of which record (and field) it is what models and stores refuse."""
        try:
            yield
        except ValidationError as error:
            raise self.wrong(name, told(error, field)) from error
        except (UnfitError, ValueError) as error:
            raise self.wrong(name, f"field {field}: {error}" if field else str(error)) from error

    def there(self, name: str) -> bool:
        """Whether there is a record of that name."""
        find = self.store.find
        return find(self.collection, name) is not None or bool(find(self.collection, name, newest=True))

    def _seen(self, name: str, newest: bool = False) -> Record:
        if not isinstance(name, str):
            raise self.wrong(name, f"field name: a name is text, not {type(name).__name__}")
        seen = self.store.find(self.collection, name, newest=newest)
        if seen is None and not newest:
            seen = self.store.find(self.collection, name, newest=True)
        if seen is None:
            raise self.wrong(name, "field name: there is no such record")
        return seen


class Detectors(Records[Detector]):
    """The detectors there are."""

    model = Detector

    def unknown(self, names: list[str]) -> list[str]:
        """Those of some detectors that there are no records of."""
        return [name for name in dict.fromkeys(names) if not self.there(name)]


class DatedRecords(Records[D]):
    """Records that begin and end, and name detectors."""

    model: ClassVar[type[Dated]] = Dated

    def __init__(self, store: RecordStore, collection: str, detectors: Detectors) -> None:
        super().__init__(store, collection)
        self.detectors = detectors

    def check(self, record: D) -> None:
        """Raise RecordError for detectors that are not known."""
        self.check_known(record.name, record.detectors)

    def check_known(self, name: str, detectors: list[str]) -> None:
        """Raise RecordError, of the record of that name, for detectors that are not known."""
        if unknown := self.detectors.unknown(detectors):
            several, where = ", ".join(map(repr, unknown)), self.detectors.collection
            raise self.wrong(name, f"field {self.model.names_in}: detector {several} is not known in {where}")

    def start(self, name: str, moment: datetime | None = None) -> D:
        """Let a record begin, now or at ``moment``. Raises RecordError where it has begun already."""
        begins = self._moment(name, START, moment)

        def decide(seen: D) -> Change:
            if seen.start_date is not None:
                raise self.wrong(name, f"field {START}: it was started already, at {seen.start_date}")
            return Change({START: begins}, holds=(STOP,))

        return self.changed(name, decide)

    def stop(self, name: str, moment: datetime | None = None) -> D:
        """Let a record end, now or at ``moment``. Raises RecordError unless it is running."""
        ends = self._moment(name, STOP, moment)

        def decide(seen: D) -> Change:
            if seen.stop_date is not None:
                raise self.wrong(name, f"field {STOP}: it was stopped already, at {seen.stop_date}")
            with self.naming(name, STOP):
                check_order(seen.start_date, ends)
            return Change({STOP: ends}, holds=(START,))

        return self.changed(name, decide)

    def _moment(self, name: str, field: str, given: datetime | None) -> datetime:
        if given is None:
            return datetime.now(UTC)
        if not isinstance(given, datetime):
            raise self.wrong(name, f"field {field}: a datetime, not {shown(given)}")
        with self.naming(name, field):
            return in_utc(given)


class Runs(DatedRecords[Run]):
    """The runs."""

    model = Run
