"""Records in words: how far they are, how long they took, how warm it was, what was done with the data."""

from __future__ import annotations

import math
from collections.abc import Iterable

from labmon_dagster.model import SECOND, Window
from labmon_dagster.model.window import instant_text
from labmon_dagster.records.models import Dated, HistoryEntry, Stream, Temperature

CREATED, RUNNING, STOPPED = "created", "running", "stopped"
_DAY, _HOUR, _MINUTE = 86_400, 3600, 60


def state(record: Dated) -> str:
    """Say how far a record is: created, running or stopped."""
    if record.running:
        return RUNNING
    return STOPPED if record.stop_date is not None else CREATED


def short_time(ns: int | None) -> str:
    """An instant (UTC ns) to the second; '' where there is none."""
    return "" if ns is None else f"{instant_text(ns)[:19]}Z"


def duration_text(window: Window | None) -> str:
    """How long a record went on, as 2d 03:04:05; '' for one that has not begun."""
    if window is None:
        return ""
    seconds = (window.end - 1 - window.start) // SECOND
    days, rest = divmod(seconds, _DAY)
    clock = f"{rest // _HOUR:02}:{rest % _HOUR // _MINUTE:02}:{rest % _MINUTE:02}"
    return f"{days}d {clock}" if days else clock


def temperature_text(told: Temperature | None) -> str:
    """A temperature with its standard deviation, to two digits of the latter: 3.612 ± 0.027 K."""
    if told is None:
        return ""
    if not math.isfinite(told.mean):
        return "not understood"
    known = math.isfinite(told.std) and told.std > 0
    digits = min(max(0, 1 - math.floor(math.log10(told.std))), 9) if known else 4
    return f"{told.mean:.{digits}f} ± {told.std:.{digits}f} K"


def readings_text(told: Temperature) -> str:
    """A temperature, and of how many readings it is, if that is known."""
    of = "" if told.readings is None else f" ({told.readings} reading{'s' * (told.readings != 1)})"
    return f"{temperature_text(told)}{of}"


def latest(history: Iterable[HistoryEntry]) -> dict[str, HistoryEntry]:
    """Give the newest entry of each detector."""
    return {entry.det_name: entry for entry in sorted(history, key=lambda entry: entry.timestamp)}


def entry_text(entry: HistoryEntry) -> str:
    """What was done, by which code, with which success: processed 87B5E5A 98 %."""
    done = "" if entry.processing_status is None else f" {100 * entry.processing_status:.0f} %"
    return f"{entry.label} {entry.code_commit}{done}"


def processing_text(stream: Stream) -> str:
    """What was last done with the data of each detector in a stream, said once where it is the same."""
    newest = {name: entry_text(entry) for name, entry in sorted(latest(stream.history).items())}
    if newest.keys() >= set(stream.detectors) and len(set(newest.values())) == 1:
        return next(iter(newest.values()))
    return "; ".join(f"{name}: {text}" for name, text in newest.items())
