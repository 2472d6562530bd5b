"""Runs asked for and runs that went before: what is under way, what failed and must rest a while."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from itertools import takewhile
from typing import Literal

import dagster as dg

from labmon_dagster.automation.plan import Span, pause_after
from labmon_dagster.components.feed import Feed

EXPERIMENT, TRIGGER = "labmon/experiment", "labmon/trigger"
RANGE_START, RANGE_END = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"
TICK = "dagster/tick"
MAX_RUNTIME = {"dagster/max_runtime": "3600"}
_REMEMBERED = 60
_UNDER_WAY = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


def request(feeds: Iterable[Feed], span: Span, mode: Literal["news", "whole"], trigger: str) -> dg.RunRequest:
    """One run for several feeds of one experiment over the same days.

    Dagster wants a key for each of several runs of a tick, and starts no run whose key it knows: the
    time makes each key new, so that a day can be asked for again.
    """
    listed = list(feeds)
    asked = datetime.now(UTC).isoformat()
    return dg.RunRequest(
        run_key=f"{trigger} {listed[0].asset} {span.first} asked {asked}",
        asset_selection=[dg.AssetKey(feed.asset.split("/")) for feed in listed],
        run_config={"ops": {feed.op: {"config": {"mode": mode}} for feed in listed}},
        tags={
            EXPERIMENT: listed[0].lane,
            TRIGGER: trigger,
            RANGE_START: span.first.isoformat(),
            RANGE_END: span.last.isoformat(),
            "dagster/priority": "1" if mode == "news" else "0",
            **MAX_RUNTIME,
        },
    )


def together(wishes: Iterable[tuple[Feed, Sequence[Span]]]) -> list[dg.RunRequest]:
    """One run for each experiment that has news, over all the days its feeds wish for.

    A feed that is read alone, or whose start lies behind the first of these days, gets runs of its own.
    """
    lanes: defaultdict[str, list[tuple[Feed, Span]]] = defaultdict(list)
    requests: list[dg.RunRequest] = []
    for feed, spans in wishes:
        if feed.alone:
            requests += [request([feed], span, "news", "news") for span in spans]
        else:
            lanes[feed.lane] += [(feed, span) for span in spans]
    for wished in lanes.values():
        common = Span(min(span.first for _, span in wished), max(span.last for _, span in wished))
        fitting = [feed for feed, _ in wished if feed.start <= common.first]
        if fitting:
            requests.append(request(fitting, common, "news", "news"))
        requests += [request([feed], span, "news", "news") for feed, span in wished if feed not in fitting]
    return requests


def obstacle(instance: dg.DagsterInstance, lane: str, trigger: str, now: datetime) -> str | None:
    """Why no run should be asked for now: one is under way, or it is too soon after failures."""
    tags = {EXPERIMENT: lane, TRIGGER: trigger}
    if instance.get_run_records(dg.RunsFilter(tags=tags, statuses=_UNDER_WAY), limit=1):
        return f"{lane}: a run is under way"
    records = instance.get_run_records(dg.RunsFilter(tags=tags), limit=_REMEMBERED)
    failed = list(takewhile(lambda one: one.dagster_run.status is dg.DagsterRunStatus.FAILURE, records))
    if failed:
        # What one tick asked for fails for one reason: that is one try.
        tries = len({one.dagster_run.tags.get(TICK, one.dagster_run.run_id) for one in failed})
        ended = max(one.end_time or one.create_timestamp.timestamp() for one in failed)
        due = datetime.fromtimestamp(ended, UTC) + pause_after(tries)
        if now < due:
            return f"{lane}: {len(failed)} runs failed in a row, next try at {due:%H:%M:%S} UTC"
    return None
