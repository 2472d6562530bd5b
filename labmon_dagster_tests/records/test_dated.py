"""Runs and streams begin and end once, whoever asks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from labmon_dagster.records.errors import RecordError
from labmon_dagster.records.lab import LabRecords

BEGIN, END = datetime(2022, 5, 11, 14, 35, 30, 412345), datetime(2022, 5, 11, 14, 43, 48, 586000)


def test_a_run_begins_and_ends(lab: LabRecords) -> None:
    lab.runs.create({"name": "run1", "detector": [{"name": "RED15"}]})
    assert lab.runs.start("run1", BEGIN).running
    ended = lab.runs.stop("run1", END.replace(tzinfo=timezone(timedelta(hours=2))) + timedelta(hours=2))
    assert (ended.start_date, ended.stop_date) == (
        BEGIN.replace(microsecond=412000, tzinfo=UTC),
        END.replace(tzinfo=UTC),
    )
    assert ended == lab.runs.get("run1")


@pytest.mark.parametrize("act", ["start", "stop"])
def test_not_twice(lab: LabRecords, act: str) -> None:
    lab.runs.create({"name": "run1", "detector": [{"name": "RED15"}], "start_date": BEGIN, "stop_date": END})
    with pytest.raises(
        RecordError, match=rf"run 'run1' in lio_run_info: field {act}_date: it was (started|stop)"
    ):
        getattr(lab.runs, act)("run1", END)
