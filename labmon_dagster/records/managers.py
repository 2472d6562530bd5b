"""Making and changing records, with the rules that keep them true. Nothing is written unless all holds."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar, Generic, TypeVar

from pydantic import ValidationError

from labmon_dagster.records.errors import RecordError, told
from labmon_dagster.records.instants import aware, in_utc
from labmon_dagster.records.models import START, STOP, Dated, Detector, Run, check_order, lacking
from labmon_dagster.stores.documents.plain import UnfitError
from labmon_dagster.stores.records import Change, RecordStore

M = TypeVar("M", bound=Detector)
D = TypeVar("D", bound=Dated)


class Records(Generic[M]):
    """The records of one collection. All methods raise StoreError where the database is away."""

    model: ClassVar[type[Detector]]

    def __init__(self, store: RecordStore, collection: str) -> None:
        self.store = store
        self.collection = collection

    def create(self, given: Mapping[str, Any]) -> M:
        """Make a record. Raises RecordError, naming the field, where it may not be made."""
        name = given.get("name") if isinstance(given, Mapping) else None
        if absent := lacking(self.model, given):
            must = ", ".join(self.model.mandatory)
            raise self.wrong(name, f"field {', '.join(absent)} is missing; mandatory are {must}")
        body = aware(given)
        made = self.understood(name, body)
        self.check(made)
        try:
            if not self.store.insert(self.collection, made.name, body):
                raise self.wrong(name, "field name: there is a record of this name already")
        except UnfitError as unfit:
            raise self.wrong(name, str(unfit)) from unfit
        return made

    def check(self, record: M) -> None:
        """Raise RecordError where a record contradicts others."""

    def get(self, name: str) -> M:
        """Give a record. Raises RecordError where there is none of that name."""
        seen = self.store.find(self.collection, name)
        if seen is None:
            raise self.wrong(name, "there is no such record")
        return self.understood(name, seen.body)

    def all(self, trouble: Callable[[str], object] | None = None) -> Iterator[M]:
        """Give all records by name. ``trouble`` is told of what is not understood (else RecordError)."""
        for seen in self.store.select(self.collection):
            try:
                found = self.understood(seen.name, seen.body)
            except RecordError as error:
                if trouble is None:
                    raise
                trouble(str(error))
                continue
            yield found

    def changed(self, name: str, decide: Callable[[M], Change]) -> M:
        """Change a record as ``decide`` says, which is asked again where another was faster."""
        while True:
            seen = self.store.find(self.collection, name)
            if seen is None:
                raise self.wrong(name, "there is no such record")
            change = decide(self.understood(name, seen.body))
            try:
                if self.store.change(self.collection, seen, change):
                    return self.get(name)
            except UnfitError as unfit:
                raise self.wrong(name, str(unfit)) from unfit

    def understood(self, name: object, body: Mapping[str, Any]) -> M:
        """Give a record with its types. Raises RecordError."""
        try:
            return self.model.model_validate(body)  # type: ignore[return-value]
        except ValidationError as error:
            raise self.wrong(name, told(error)) from error

    def wrong(self, name: object, why: str) -> RecordError:
        """Give the error that names a record."""
        return RecordError(f"{self.model.kind} {name!r} in {self.collection}: {why}")


class Detectors(Records[Detector]):
    """The detectors there are."""

    model = Detector

    def unknown(self, names: list[str]) -> list[str]:
        """Those of some detectors that there are no records of."""
        return [name for name in names if self.store.find(self.collection, name) is None]


class DatedRecords(Records[D]):
    """Records that begin and end, and name detectors."""

    def __init__(self, store: RecordStore, collection: str, detectors: Detectors) -> None:
        super().__init__(store, collection)
        self.detectors = detectors

    def check(self, record: D) -> None:
        """Raise RecordError for detectors that are not known."""
        if unknown := self.detectors.unknown(record.detectors):
            raise self.wrong(
                record.name,
                f"detector {', '.join(map(repr, unknown))} is not known in {self.detectors.collection}",
            )

    def start(self, name: str, moment: datetime | None = None) -> D:
        """Let a record begin, now or at ``moment``. Raises RecordError where it has begun already."""
        begins = _moment(moment)

        def decide(seen: D) -> Change:
            if seen.start_date is not None:
                raise self.wrong(name, f"field {START}: it was started already, at {seen.start_date}")
            return Change({START: begins})

        return self.changed(name, decide)

    def stop(self, name: str, moment: datetime | None = None) -> D:
        """Let a record end, now or at ``moment``. Raises RecordError unless it is running."""
        ends = _moment(moment)

        def decide(seen: D) -> Change:
            if seen.stop_date is not None:
                raise self.wrong(name, f"field {STOP}: it was stopped already, at {seen.stop_date}")
            try:
                check_order(seen.start_date, ends)
            except ValueError as error:
                raise self.wrong(name, f"field {STOP}: {error}") from error
            return Change({STOP: ends})

        return self.changed(name, decide)


class Runs(DatedRecords[Run]):
    """The runs."""

    model = Run


def _moment(given: datetime | None) -> datetime:
    if given is None:
        return datetime.now(UTC)
    if not isinstance(given, datetime):
        raise RecordError(f"a date is a datetime, not {given!r}")
    return in_utc(given)
