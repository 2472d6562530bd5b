"""The word `RunPages` in a defs.yaml: a page in the Dagster UI for every run."""

import time
from collections.abc import Sequence

import dagster as dg

from labmon_dagster.components.derived import DerivedComponent, Look, Wanted
from labmon_dagster.model import Window
from labmon_dagster.records.errors import RecordError
from labmon_dagster.records.lab import LabRecords
from labmon_dagster.records.models import Run, Stream
from labmon_dagster.records.page import page, stream_table
from labmon_dagster.records.page_state import page_state
from labmon_dagster.records.plot import sketch
from labmon_dagster.records.spans import during, ends, spanned, window_of
from labmon_dagster.records.words import duration_text, state
from labmon_dagster.stores import ReadingStore


class RunPages(DerivedComponent):
    """A partition for every run, with a page: detectors, streams, and the temperature as a plot.

    It is made anew when the run or one of its streams changes, and when the days of the run are proven.
    """

    @property
    def partitions(self) -> dg.DynamicPartitionsDefinition:
        """The names of the runs."""
        return dg.DynamicPartitionsDefinition(name=self.op)

    def looker(self) -> Look:
        """Give what tells the state of every run's page."""

        def look() -> Wanted:
            told: list[str] = []
            now = time.time_ns()
            with self.opened() as (lab, store):
                ledger = store.ledger(self.readings)
                streams = spanned(lab.streams.all(told.append), now)
                states = {
                    run.name: page_state(run, during(window_of(run, now), streams), ledger, self.thermometer)
                    for run in lab.runs.all(told.append)
                    if self._has_page(run)
                }
            return Wanted(partitions=states, told=told)

        return look

    def _has_page(self, run: Run) -> bool:
        end = ends(run)
        return end is None or end >= self.first_instant

    def definition(self) -> dg.AssetsDefinition:
        """Give the asset: a run of it makes the pages of its partitions."""

        def pages(context: dg.AssetExecutionContext) -> None:
            now = time.time_ns()
            with self.opened() as (lab, store):
                streams = spanned(lab.streams.all(context.log.warning), now)
                for name in context.partition_keys:
                    shown = self._page(lab, store, streams, name, now)
                    context.add_asset_metadata(shown, partition_key=name)

        return self.made(pages, "markdown", self.partitions)

    def _page(
        self,
        lab: LabRecords,
        store: ReadingStore,
        streams: Sequence[tuple[Window, Stream]],
        name: str,
        now: int,
    ) -> dict[str, dg.MetadataValue]:
        try:
            run = lab.runs.get(name)
        except RecordError as error:  # one wrong record does not keep the others from having their pages
            return {"trouble": dg.MetadataValue.text(str(error))}
        window = window_of(run, now)
        within = during(window, streams)
        values = self.thermometer.values(store, window or Window(0, 0))
        sketched = (
            "no readings" if window is None or values.is_empty() else sketch(values, self.field, window)
        )
        return {
            "page": dg.MetadataValue.md(page(run, within, values, self.field, now)),
            "state": dg.MetadataValue.text(state(run)),
            "duration": dg.MetadataValue.text(duration_text(window) or "–"),
            "detectors": dg.MetadataValue.text(", ".join(run.detectors) or "none"),
            "description": dg.MetadataValue.text(run.description or "–"),
            "streams": dg.MetadataValue.md(stream_table(within, now, narrow=True)),
            "temperature": dg.MetadataValue.md(sketched),
            "readings": dg.MetadataValue.int(values.height),
        }
