"""Any dict is either made and found again as it was given, or refused with a RecordError."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing
from datetime import UTC, datetime, timedelta, timezone
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from labmon_dagster.records.errors import RecordError
from labmon_dagster.records.lab import LabRecords
from labmon_dagster.stores.documents.plain import exact
from labmon_dagster.stores.records import MongoRecords, SqliteRecords
from labmon_dagster_tests.servers.mongo import Mongod
from labmon_dagster_tests.stores.documents.records import mongo_url
from labmon_dagster_tests.stores.documents.test_values import told

NUMBERS = count()
ZONES = st.none() | st.integers(-23, 23).map(lambda hours: timezone(timedelta(hours=hours)))
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=5)
    | st.binary(max_size=3)
    | st.datetimes(timezones=ZONES)
    | st.sampled_from([object(), 1j, {1}, datetime(2022, 5, 11).date(), "FID1", {"det_name": "FID1"}])
)
KEYS = st.text(max_size=4) | st.sampled_from(
    ["name", "det_name", "_id", "$set", "at", "at_ns", "running", "kind"]
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS | st.integers(), inner, max_size=3),
    max_leaves=8,
)
DATES = st.none() | st.datetimes(datetime(2020, 1, 1), datetime(2023, 1, 1), timezones=ZONES) | VALUES
CHANNELS = st.lists(st.fixed_dictionaries({"det_name": st.just("FID1")}, optional={"x": VALUES, "at": DATES}))
FIELDS = {
    "name": st.text(min_size=1, max_size=5) | VALUES,
    "acq_config": st.dictionaries(KEYS, VALUES, max_size=3) | VALUES,
    "channel_config": CHANNELS | VALUES,
    "comment": st.text(max_size=3) | VALUES,
    "start_date": DATES,
    "stop_date": DATES,
}
MORE = st.dictionaries(
    KEYS | st.sampled_from(["history", "status", "bbox_status", "temperature"]), VALUES, max_size=3
)
RECORDS = st.builds(lambda more, fields: {**more, **fields}, MORE, st.fixed_dictionaries({}, optional=FIELDS))
GOOD = st.builds(
    lambda more, channels, acq: {**more, "channel_config": channels, "acq_config": acq, "comment": ""},
    st.dictionaries(st.text(max_size=4), VALUES, max_size=3),
    CHANNELS,
    st.dictionaries(st.text(max_size=4), VALUES, max_size=3),
)


@pytest.fixture
def labs(mongod: Mongod, mongo_database: str, tmp_path: Path) -> Iterator[list[LabRecords]]:
    """The lab's records in each store."""
    with (
        closing(SqliteRecords(tmp_path / "records.db")) as one,
        closing(MongoRecords.at(mongo_url(mongod, mongo_database))) as other,
    ):
        found = [LabRecords.of(one), LabRecords.of(other)]
        for lab in found:
            lab.detectors.create({"name": "FID1"})
        yield found


@given(RECORDS | GOOD)
@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_made_as_given_or_refused(labs: list[LabRecords], record: dict[Any, Any]) -> None:
    if isinstance(record.get("name", ""), str) and record.get("name") != "":
        record = {**record, "name": f"{record.get('name', '')}-{next(NUMBERS)}"}
    outcome = [made(lab, record) for lab in labs]
    assert outcome[0] == outcome[1]


def made(lab: LabRecords, record: dict[Any, Any]) -> Any:
    """What was found again, or the error; in both cases the store is as it should be."""
    before = sum(1 for _ in lab.streams.all())
    try:
        stream = lab.streams.create(record)
    except RecordError as error:
        assert sum(1 for _ in lab.streams.all()) == before
        return str(error)
    seen = lab.streams.store.find("lio_stream_info", stream.name)
    assert seen is not None
    assert told(exact(seen.body)) == told(in_utc(record))
    assert lab.streams.get(stream.name).name == stream.name
    return told(dict(seen.body))


def in_utc(value: Any) -> Any:
    """What was given, as it is to come back."""
    if isinstance(value, datetime):
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    if isinstance(value, Mapping):
        return {key: in_utc(one) for key, one in value.items()}
    return [in_utc(one) for one in value] if isinstance(value, list) else value
