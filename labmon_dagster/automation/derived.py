"""The sensor over assets made out of records and readings: temperatures of streams, pages of runs."""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, wait
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby, islice

import dagster as dg
from dagster._core.storage.partition_status_cache import AssetPartitionStatus

from labmon_dagster.automation import asked
from labmon_dagster.automation.news import in_thread
from labmon_dagster.automation.runs import (
    EXPERIMENT,
    MAX_RUNTIME,
    RANGE_END,
    RANGE_START,
    TRIGGER,
    obstacle,
)
from labmon_dagster.automation.triggers import ASSET_JOB
from labmon_dagster.components.derived import DerivedComponent, Look, Wanted
from labmon_dagster.components.run_pages import RunPages

SECONDS = 60
PATIENCE = 30.0
RUNS_PER_TICK = 4
PAGES_PER_RUN = 100  # a run that is killed makes none of its pages
_FORBIDDEN = ("...", *"\a\b\f\n\r\t\v\0")  # Dagster refuses such names of partitions


@dataclass(slots=True)
class _Watcher:
    """A component, and how one looks what it wants; a look that hangs is not begun a second time."""

    component: DerivedComponent
    look: Look
    looking: Future[Wanted] | None = None

    def wanted(self) -> Wanted:
        if self.looking is None:
            self.looking = in_thread(self.look, f"look {self.component.asset}")
        if not wait([self.looking], PATIENCE).done:
            return Wanted(told=[f"did not answer within {PATIENCE:g} s"])
        looked, self.looking = self.looking, None
        error = looked.exception()
        return Wanted(told=[f"{type(error).__name__}: {error}"]) if error else looked.result()


def derived_automation(components: Sequence[DerivedComponent]) -> dg.Definitions:
    """The sensor over some components; nothing where there are none."""
    return dg.Definitions(sensors=[_sensor(components)] if components else [])


def _sensor(components: Sequence[DerivedComponent]) -> dg.SensorDefinition:
    watchers = [_Watcher(one, one.looker()) for one in components]

    @dg.sensor(
        name="runs_and_streams",
        job_name=ASSET_JOB,
        minimum_interval_seconds=SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Notes the temperature of streams that are over; makes the pages of runs that changed.",
    )
    def tick(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        newest, now = asked.read_cursor(context.cursor), datetime.now(UTC)
        requests: list[dg.RunRequest] = []
        added: list[dg.AddDynamicPartitionsRequest] = []
        told: list[str] = []
        for watcher in watchers:
            one = watcher.component
            if why := obstacle(context.instance, one.experiment, one.asset, now):
                told.append(why)
                continue
            found = watcher.wanted()
            told += [f"{one.asset}: {text}" for text in found.told]
            requests += [_request(one, {})] if found.run else []
            if isinstance(one, RunPages):
                known = asked.recall(context.instance, one.asset, newest.get(one.asset, {}))
                due = _Pages(one, context.instance, found.partitions, known)
                wanted, newest[one.asset] = due.requests()
                requests += wanted
                added += [one.partitions.build_add_request(due.new)] if due.new else []
                told += due.told
        return dg.SensorResult(
            run_requests=requests,
            dynamic_partitions_requests=added,
            skip_reason=None if requests else dg.SkipReason("; ".join(told) or "nothing new"),
            cursor=asked.written(newest),
        )

    return tick


class _Pages:
    """The pages that are due: new, changed, or not made for want of luck."""

    def __init__(
        self,
        component: RunPages,
        instance: dg.DagsterInstance,
        states: Mapping[str, str],
        known: asked.States,
    ) -> None:
        self.component = component
        self.states = {name: state for name, state in states.items() if _allowed(name)}
        self.told = [f"run {name!r}: no name for a page" for name in states if name not in self.states]
        there = list(instance.get_dynamic_partitions(component.op))
        self.new = [name for name in self.states if name not in set(there)]
        self.names = there + self.new
        self.known = known
        key = dg.AssetKey(component.asset.split("/"))
        statuses = instance.get_status_by_partition(key, there, component.partitions) or {}
        self.made = {name for name, status in statuses.items() if status is AssetPartitionStatus.MATERIALIZED}

    def requests(self) -> tuple[list[dg.RunRequest], asked.States]:
        """Give runs to ask for, and the states they are for: one for neighbours, some at a time."""
        ranges = list(islice(self._ranges(), RUNS_PER_TICK))
        states = {name: self.states[name] for some in ranges for name in some}
        runs = [_request(self.component, {RANGE_START: some[0], RANGE_END: some[-1]}) for some in ranges]
        return runs, states

    def _ranges(self) -> Iterator[list[str]]:
        for due, some in groupby(self.names, key=self._is_due):
            while due and (part := list(islice(some, PAGES_PER_RUN))):
                yield part

    def _is_due(self, name: str) -> bool:
        return name in self.states and (name not in self.made or self.known.get(name) != self.states[name])


def _request(component: DerivedComponent, tags: Mapping[str, str]) -> dg.RunRequest:
    """A run of an asset. The time makes its key new, so that it can be asked for again."""
    where = f" {tags[RANGE_START]}" if tags else ""
    return dg.RunRequest(
        run_key=f"{component.asset}{where} asked {datetime.now(UTC).isoformat()}",
        asset_selection=[dg.AssetKey(component.asset.split("/"))],
        tags={EXPERIMENT: component.experiment, TRIGGER: component.asset, **tags, **MAX_RUNTIME},
    )


def _allowed(name: str) -> bool:
    return not any(text in name for text in _FORBIDDEN)
