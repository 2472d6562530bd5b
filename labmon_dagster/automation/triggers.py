"""The schedules and the sensors that replace the loop. They cover all feeds: a new station adds none.

The schedules are what everything depends on; sensors only shorten the delay, so a lost cursor costs
nothing.
"""

from collections.abc import Iterable, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as TooLate
from datetime import UTC, datetime
from itertools import islice
from time import monotonic

import dagster as dg
import msgspec

from labmon_dagster.automation.news import Asked, Ledger, Scout, days_held, ledgers
from labmon_dagster.automation.plan import Span, audit_day_by_day, audit_spans
from labmon_dagster.automation.runs import EXPERIMENT, obstacle, request, together
from labmon_dagster.binning.source import BinnedArchive
from labmon_dagster.components.feed import Feed
from labmon_dagster.model import DatedSource, TimedSource

FILES_SECONDS, ROWS_SECONDS, MESSAGES_SECONDS = 20, 60, 20
SENSOR_GAP_SECONDS = 120
AUDITS_PER_TICK = 12
STORE_SECONDS = 45.0
ASSET_JOB = "__ASSET_JOB"  # Dagster's own over all assets: others want one start day for all of them
_RUNNING_SCHEDULE = dg.DefaultScheduleStatus.RUNNING
_RUNNING_SENSOR = dg.DefaultSensorStatus.RUNNING


def news_requests(
    asked: Asked, feeds: Iterable[Feed], instance: dg.DagsterInstance, now: datetime
) -> tuple[list[dg.RunRequest], list[str]]:
    """The runs to ask for, and why there are none for the others."""
    reasons = [f"{asset}: {why}" for asset, why in asked.silent.items()]
    wishes = [(feed, asked.wishes[feed.asset]) for feed in feeds if feed.asset in asked.wishes]
    blocked = {name: obstacle(instance, name, "news", now) for name in {feed.lane for feed, _ in wishes}}
    reasons += [why for why in blocked.values() if why]
    return together(wish for wish in wishes if not blocked[wish[0].lane]), reasons


def every_five_minutes(feeds: Sequence[Feed]) -> dg.ScheduleDefinition:
    """The schedule that reads what is new, and days that were missed."""
    scout = Scout()

    @dg.schedule(
        name="every_five_minutes",
        cron_schedule="*/5 * * * *",
        job_name=ASSET_JOB,
        default_status=_RUNNING_SCHEDULE,
        description="Reads what is new, and days that were missed. Starts no run where there is nothing.",
    )
    def tick(context: dg.ScheduleEvaluationContext) -> dg.SkipReason | list[dg.RunRequest]:
        now = datetime.now(UTC)
        requests, reasons = news_requests(scout.ask(feeds, now), feeds, context.instance, now)
        return requests or dg.SkipReason("; ".join(reasons) or "nothing new")

    return tick


def nightly_audit(feeds: Sequence[Feed]) -> dg.ScheduleDefinition:
    """The schedule that reads past days as a whole and proves them.

    It looks every hour, so that a machine that sleeps at night is audited too; a proven day is not
    read again, but on Sunday mornings for a recount of sources that cannot count themselves, and whose
    past days may have grown unseen.
    """

    @dg.schedule(
        name="nightly_audit",
        cron_schedule="20 * * * *",
        job_name=ASSET_JOB,
        default_status=_RUNNING_SCHEDULE,
        description="Reads every past day that is not proven as a whole, compares both sides and proves it.",
    )
    def tick(context: dg.ScheduleEvaluationContext) -> dg.SkipReason | list[dg.RunRequest]:
        now = datetime.now(UTC)
        recount = (context.scheduled_execution_time or now).strftime("%a %H") == "Sun 03"
        requests: list[dg.RunRequest] = []
        reasons: list[str] = []
        books, deadline = ledgers(feeds), monotonic() + STORE_SECONDS
        for feed in feeds:
            why = obstacle(context.instance, feed.lane, "audit", now)
            why = why or _trouble(feed, books[feed.store_key], deadline)
            if why:
                reasons.append(why)
                continue
            again = recount and _may_have_grown_unseen(feed)
            spans = _audited(feed, books[feed.store_key].result()[feed.asset], now, recount=again)
            requests += [request([feed], span, "whole", "audit") for span in islice(spans, AUDITS_PER_TICK)]
        return requests or dg.SkipReason("; ".join(reasons) or "every past day is proven")

    return tick


def _may_have_grown_unseen(feed: Feed) -> bool:
    """Whether neither a count nor a mark of its own shows that a past day has changed.

    Late rows of an archive change the values of its bins, not their number.
    """
    uncounted = isinstance(feed.source, BinnedArchive)
    return uncounted or not isinstance(feed.source, TimedSource | DatedSource)


def _audited(feed: Feed, ledger: Ledger, now: datetime, *, recount: bool) -> Iterable[Span]:
    if not feed.alone:
        return audit_spans(ledger, feed.start, now, recount=recount)
    full, newest_first = days_held(feed), feed.newest_first
    return audit_day_by_day(ledger, feed.start, now, full=full, newest_first=newest_first, recount=recount)


def _trouble(feed: Feed, books: Future[dict[str, Ledger]], deadline: float) -> str | None:
    try:
        error = books.exception(timeout=max(0.0, deadline - monotonic()))
    except TooLate:
        return f"{feed.asset}: its store did not answer within {STORE_SECONDS:g} s"
    return f"{feed.asset}: {error}" if error else None


def news_sensors(feeds: Sequence[Feed]) -> list[dg.SensorDefinition]:
    """The sensors that see news sooner: over files, archives and journals, as far as there are such."""
    archives = [feed for feed in feeds if isinstance(feed.source, TimedSource)]
    others = [feed for feed in feeds if not isinstance(feed.source, TimedSource)]
    journals = [feed for feed in others if isinstance(feed.source, DatedSource)]
    files = [feed for feed in others if not isinstance(feed.source, DatedSource)]
    found: list[dg.SensorDefinition] = []
    if files:
        about = "Sees new rows in files sooner than the schedule; lands files that LoggerNet overwrites."
        found.append(_sensor("new_files", files, FILES_SECONDS, about))
    if archives:
        about = "Sees new rows in archives sooner than the schedule."
        found.append(_sensor("new_rows", archives, ROWS_SECONDS, about))
    if journals:
        about = "Sees new messages in journals, and what is to be counted of them, sooner than the schedule."
        found.append(_sensor("new_messages", journals, MESSAGES_SECONDS, about))
    return found


def _sensor(name: str, feeds: Sequence[Feed], seconds: int, description: str) -> dg.SensorDefinition:
    """A sensor that asks for an experiment once in two minutes; the first tick after a start asks at once."""
    scout = Scout()
    started = iter([True])

    @dg.sensor(
        name=name,
        job_name=ASSET_JOB,
        minimum_interval_seconds=seconds,
        default_status=_RUNNING_SENSOR,
        description=description,
    )
    def tick(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        now = datetime.now(UTC)
        asked_at = {} if next(started, False) else read_cursor(context.cursor)
        requests, reasons = news_requests(scout.ask(feeds, now), feeds, context.instance, now)
        latest = now.timestamp() - SENSOR_GAP_SECONDS
        due = [one for one in requests if asked_at.get(one.tags[EXPERIMENT], 0) <= latest]
        if not due:
            return dg.SkipReason("; ".join(reasons) or ("asked a moment ago" if requests else "nothing new"))
        asked_at |= {run.tags[EXPERIMENT]: now.timestamp() for run in due}
        return dg.SensorResult(run_requests=due, cursor=msgspec.json.encode(asked_at).decode())

    return tick


def read_cursor(text: str | None) -> dict[str, float]:
    """When each experiment was last asked for; an unreadable cursor is an empty one."""
    try:
        return msgspec.json.decode(text or "{}", type=dict[str, float])
    except msgspec.DecodeError:
        return {}
