"""The word `StreamTemperature` in a defs.yaml: how cold it was during each stream, noted with the stream."""

from collections.abc import Sequence
from typing import Any

import dagster as dg

from labmon_dagster.components.derived import DerivedComponent, Look, Wanted
from labmon_dagster.records.errors import RecordError
from labmon_dagster.records.lab import LabRecords
from labmon_dagster.records.models import Stream, Temperature
from labmon_dagster.records.page import temperature_table
from labmon_dagster.records.spans import window_of
from labmon_dagster.records.temperature import Ledger, Thermometer, Wanting, Watch
from labmon_dagster.stores import ReadingStore
from labmon_dagster.stores.records import Change

COUNTING_SECONDS = 5.0
_SHOWN = 100


class StreamTemperature(DerivedComponent):
    """Mean and standard deviation of a thermometer's readings, for every stream that is over.

    Readings flagged fail are left out; the deviation is that of the population. Streams without any reading
    get no temperature, and those that another program gave one keep it.
    """

    def looker(self) -> Look:
        """Give what looks for streams that want a temperature."""
        watch = Watch(self.thermometer, self.first_instant)

        def look() -> Wanted:
            told: list[str] = []
            with self.opened() as (lab, store):
                found = watch.look(
                    lab.streams.all(told.append), store.ledger(self.readings), store, COUNTING_SECONDS
                )
            told += [f"{found.left} streams are looked at next time"] if found.left else []
            return Wanted(run=bool(found.due), told=told)

        return look

    def definition(self) -> dg.AssetsDefinition:
        """Give the asset: a run of it gives a temperature to every stream that wants one."""

        def temperatures(context: dg.AssetExecutionContext) -> None:
            odd: list[str] = []
            with self.opened() as (lab, store):
                ledger = store.ledger(self.readings)
                watch = Watch(self.thermometer, self.first_instant)
                found = watch.look(list(lab.streams.all(odd.append)), ledger, store)
                done, failed = note(lab, store, ledger, self.thermometer, found.due)
            shown = _shown(found, done, odd + failed)
            context.add_asset_metadata(shown)
            context.log.info(f"{len(done)} temperatures noted")
            if failed:
                raise dg.Failure("; ".join(failed[:_SHOWN]), shown)

        return self.made(temperatures, "temperature")


def note(
    lab: LabRecords, store: ReadingStore, ledger: Ledger, thermometer: Thermometer, due: Sequence[Stream]
) -> tuple[list[Stream], list[str]]:
    """Note the temperature of some streams; give those of them that have one now, and what went wrong.

    A temperature of which no good reading is left is removed.
    """
    noted: list[Stream] = []
    failed: list[str] = []
    for stream in due:
        window = window_of(stream)
        found = None if window is None else thermometer.measured(store, ledger, window)
        try:
            noted.append(_noted(lab, stream, found))
        except RecordError as error:
            failed.append(str(error))
    return [stream for stream in noted if stream.temperature is not None], failed


def _noted(lab: LabRecords, stream: Stream, found: Temperature | None) -> Stream:
    if found is None:
        return lab.streams.changed(stream.name, lambda seen: Change({"temperature": None}))
    return lab.streams.add_temperature(stream.name, found)


def _shown(found: Wanting, done: Sequence[Stream], trouble: Sequence[str]) -> dict[str, Any]:
    newest = sorted(done, key=lambda one: (one.stop_date is None, one.stop_date), reverse=True)[:_SHOWN]
    return {
        "temperatures noted": len(done),
        "streams without readings": len(found.bare),
        "without readings": dg.MetadataValue.text(_names(found.bare)),
        "left as another program gave them": len(found.foreign),
        "trouble": dg.MetadataValue.text("; ".join(trouble[:_SHOWN]) or "none"),
        "noted now": dg.MetadataValue.md(temperature_table(newest)),
    }


def _names(streams: Sequence[Stream]) -> str:
    more = f" and {len(streams) - _SHOWN} more" if len(streams) > _SHOWN else ""
    return ", ".join(one.name for one in streams[:_SHOWN]) + more or "none"
