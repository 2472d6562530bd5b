"""When the page of a run is to be made anew: a text that changes with all that the page shows."""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Sequence

from labmon_dagster.model import SECOND
from labmon_dagster.records.models import Run, Stream
from labmon_dagster.records.spans import window_of
from labmon_dagster.records.temperature import Ledger, Thermometer, is_final
from labmon_dagster.records.words import processing_text

_OFTEN = 600 * SECOND
_GROWTH = 0.04


def page_state(
    run: Run, streams: Sequence[Stream], ledger: Ledger, thermometer: Thermometer, now: int | None = None
) -> str:
    """Give the state of a run's page.

    It changes with the run, its streams, and with the readings once their days are proven. That of a running
    run changes every ten minutes too, and after four hours each time it has grown by 4 %.
    """
    at = time.time_ns() if now is None else now
    window = window_of(run, at)
    seen: object = None
    if window is not None and run.running:
        seen = _steps(window.end - window.start)
    elif window is not None:
        seen = thermometer.signature(ledger, window) if is_final(ledger, window) else "not proven"
    said = [
        (one.name, one.start_date, one.stop_date, one.status, one.temperature, processing_text(one))
        for one in streams
    ]
    told = repr((run, said, seen))
    return hashlib.blake2b(told.encode(errors="backslashreplace"), digest_size=8).hexdigest()


def _steps(age: int) -> int:
    """Count the steps in which a run of that age (ns) has grown."""
    few = round(1 / _GROWTH)
    if age < few * _OFTEN:
        return age // _OFTEN
    return few + math.floor(math.log(age / (few * _OFTEN)) / math.log1p(_GROWTH))
