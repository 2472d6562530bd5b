"""What a read of an archive gives: windows, lookback, marks, exact times, and what goes to quarantine."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import polars as pl
import pytest

from labmon_dagster.model import DAY, SECOND, Batch, Mark, SourceError
from labmon_dagster_tests.sources.wincc_archive.archives import (
    FIRST,
    MTRS,
    NOON,
    SCHEMA,
    SPEC,
    START,
    Archive,
    after,
    read,
    request,
    small,
    source_at,
)

MTRS_STREAM, PLC_STREAM = f"{SCHEMA}.MTRSCHANNEL", f"{SCHEMA}.TKPLCREADSENSOR"
NOON_NS = START + DAY // 2


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return small(tmp_path / "archive.db")


def frame(batches: list[Batch]) -> pl.DataFrame:
    return pl.concat([pl.DataFrame(batch.rows) for batch in batches]).with_columns(
        pl.col("time").cast(pl.Int64)
    )


def test_times_are_exact_to_the_microsecond(archive: Archive) -> None:
    texts = ["2025-06-01 00:00:00.000000", "2025-06-01 00:00:00.000001", "2025-06-01 23:59:59.999999"]
    archive.mtrs(
        *((101, text, 1.0) for text in [*texts, "2025-06-02 00:00:00.000000", "2025-05-31 23:59:59.999999"])
    )
    assert frame(read(archive.source()))["time"].to_list() == [START, START + 1000, START + DAY - 1000]


def test_only_one_form_of_time_is_read_whatever_stands_beside_it(archive: Archive) -> None:
    archive.mtrs((101, "2025-06-01 00:00:00", 1.0), (101, "2025-06-01 12:00:00.5", 2.0))
    odd = ["2025-06-01T12:00:00.5", "2025-06-01 12:00", "2025-06-01 12:00:0x", "2025-06-01 1"]
    archive.mtrs(*((102, text, 3.0) for text in odd), (103, "2025-06-02 00:00:00", 4.0))
    for size in (1, 2, 1000):
        batches = read(archive.source(size=size))
        assert frame(batches)["time"].to_list() == [START, NOON_NS + SECOND // 2]
        rejects = [reject for batch in batches for reject in batch.rejects]
        assert sorted(reject.raw.split('"CHANGE_DATE": "')[1].split('"')[0] for reject in rejects) == sorted(
            odd
        )
        assert {reject.day for reject in rejects} == {FIRST}
    assert frame(read(archive.source(), request(1, 1)))["time"].to_list() == [START + DAY]


def test_text_of_another_form_does_not_hide_what_is_new(archive: Archive) -> None:
    archive.mtrs((101, "2025-06-01T23:00:00", 1.0), (101, after(0), 2.0))
    assert archive.source().newest() == NOON_NS
    assert archive.source().news({MTRS_STREAM: Mark(START)})


def test_rows_that_no_window_has_are_told(archive: Archive) -> None:
    archive.mtrs((101, "garbage", 1.0), (101, "01.06.2025 12:00:00", 2.0), (101, after(0), 3.0))
    readings = archive.source().read(request())
    assert frame(list(readings.batches))["value"].to_list() == [3.0]
    assert readings.facts["MTRSCHANNEL: rows whose CHANGE_DATE is no time"] == ["2"]


def test_a_bad_row_is_one_piece_whatever_stands_beside_it(archive: Archive) -> None:
    archive.mtrs((101, "2025-06-01 99:00:00", 5.5))
    (alone,) = [reject for batch in read(archive.source()) for reject in batch.rejects]
    archive.mtrs((102, after(0), "rubbish"), (103, after(1), 7))
    beside = [reject for batch in read(archive.source()) for reject in batch.rejects]
    assert [reject.raw for reject in beside if reject.raw == alone.raw] == [alone.raw]


@pytest.mark.parametrize("value", ["inf", "-inf", "nan", float("inf")])
def test_what_is_not_finite_is_no_reading(archive: Archive, value: object) -> None:
    archive.mtrs((101, after(0), value), (101, after(1), 1.0))
    batches = read(archive.source())
    assert frame(batches)["value"].to_list() == [1.0]
    assert len([reject for batch in batches for reject in batch.rejects]) == 1


def test_text_that_is_not_utf_8_stops_nothing(archive: Archive) -> None:
    archive.mtrs((101, after(0), 1.0))
    with closing(sqlite3.connect(archive.path)) as db, db:
        db.execute("INSERT INTO DP_NAME2ID VALUES (77, CAST(x'ff41' AS TEXT))")
        db.execute("INSERT INTO MTRSCHANNEL VALUES (102, '2025-06-01 12:00:01', CAST(x'ff' AS TEXT))")
    batches = read(archive.source())
    assert frame(batches)["value"].to_list() == [1.0]
    (reject,) = [reject for batch in batches for reject in batch.rejects]
    assert r"\xff" in reject.reason


@pytest.mark.parametrize("values", [[25, 25.5, 26], [25.5, 25, -3], [None, 1, 0.1], [2**53, 0.5]])
def test_whole_numbers_among_others_take_nothing_from_them(
    archive: Archive, values: list[float | None]
) -> None:
    archive.mtrs(*((101, after(n), value) for n, value in enumerate(values)))
    (found,) = archive.sql("SELECT group_concat(DISTINCT typeof(ACTUAL_VALUE)) FROM MTRSCHANNEL")
    assert "integer" in str(found[0]) and "real" in str(found[0])
    assert frame(read(archive.source()))["value"].to_list() == values


def test_an_element_that_did_not_change_is_empty(archive: Archive) -> None:
    archive.plc((201, after(0), None), (201, after(1), 21.5))
    assert frame(read(archive.source()))["value"].to_list() == [None, 21.5]


def test_every_table_is_a_stream_with_the_newest_time_as_mark(archive: Archive) -> None:
    archive.mtrs((101, after(0), 1.0), (101, datetime(2025, 6, 3), 2.0))
    marks = {batch.stream: batch.mark.offset for batch in read(archive.source())}
    assert marks == {MTRS_STREAM: START + 2 * DAY, PLC_STREAM: START - 1}


def test_news_begin_a_lookback_before_the_mark(archive: Archive) -> None:
    archive.mtrs(*((101, after(60 * n), float(n)) for n in range(121)))
    since = {MTRS_STREAM: Mark(NOON_NS + 100 * 60 * SECOND)}
    assert frame(read(archive.source(), request(since=since)))["value"].to_list() == [
        float(n) for n in range(40, 121)
    ]
    short = replace(SPEC, lookback=600 * SECOND)
    assert frame(read(archive.source(short), request(since=since)))["value"][0] == 90.0


def test_a_table_new_in_the_yaml_is_read_from_the_beginning_of_the_window(archive: Archive) -> None:
    archive.mtrs((101, after(0), 1.0)).plc((201, after(0), 2.0))
    since = {MTRS_STREAM: Mark(START + 20 * DAY)}
    assert frame(read(archive.source(), request(since=since)))["value"].to_list() == [2.0]


def test_news_are_rows_of_named_datapoints_behind_the_mark(archive: Archive) -> None:
    source = archive.name((300, "cms_mtdtf_dcs_1:MTRS/MTD_TIF_33/Chip_0/Channel_0")).source()
    assert not source.news({})
    assert source.newest() is None
    archive.mtrs((101, after(0), 1.0))
    known = {MTRS_STREAM: Mark(NOON_NS), PLC_STREAM: Mark(START - 1)}
    assert source.news({})
    assert source.newest() == NOON_NS
    assert not source.news(known)
    archive.mtrs((300, after(10), 1.0), (101, after(-10), 1.0))
    assert not source.news(known), "nobody named it, or it comes late"
    archive.plc((201, after(-3600), 1.0))
    assert source.news(known)


def test_a_wild_clock_stops_nothing(archive: Archive) -> None:
    archive.mtrs((101, after(0), 1.0), (101, "2099-01-01 00:00:00.000000", 2.0), (101, after(1), 3.0))
    archive.mtrs((102, after(7200), 4.0))
    source = replace(archive.source(), clock=lambda: NOON_NS + SECOND)
    asked = request(now=NOON_NS + SECOND)
    batches = read(source, asked)
    assert frame(batches)["value"].to_list() == [1.0, 3.0]
    (reject,) = [reject for batch in batches for reject in batch.rejects]
    assert "more than 30 minutes in the future" in reject.reason
    assert (reject.day, reject.context) == (FIRST, "MTRSCHANNEL")
    known = {batch.stream: batch.mark for batch in batches}
    assert known[MTRS_STREAM].offset == NOON_NS + SECOND
    assert not source.news(known)


def test_what_is_no_reading_goes_with_its_raw_text_and_the_rows_beside_it_stay(archive: Archive) -> None:
    archive.mtrs(
        (101, after(0), 1.0), (101, "2025-06-01 99:00", 2.0), (102, after(1), "rubbish"), (103, after(2), 3)
    )
    batches = read(archive.source(size=2))
    assert frame(batches)["value"].to_list() == [1.0, 3.0]
    rejects = {reject.reason: reject for batch in batches for reject in batch.rejects}
    assert list(rejects) == [
        "ACTUAL_VALUE 'rubbish' is no number",
        "CHANGE_DATE '2025-06-01 99:00' is no time; it is written 2025-07-04 10:24:10.092000",
    ]
    odd = rejects["ACTUAL_VALUE 'rubbish' is no number"]
    assert odd.place == f"{MTRS_STREAM} DPID 102 at 2025-06-01 12:00:01.000000"
    assert '"READING": "rubbish"' in odd.raw
    assert archive.source().newest() == NOON_NS + 2 * SECOND, "text that is no time is not the newest"


def test_a_quarantined_row_can_be_read_again(archive: Archive) -> None:
    archive.mtrs((101, after(0), 1.0))
    early = request(now=NOON_NS - DAY // 4)
    (reject,) = [reject for batch in read(archive.source(), early) for reject in batch.rejects]
    (batch,) = archive.source().again(reject, START + DAY).batches
    assert frame([batch]).select("time", "chip", "channel", "value").rows() == [(NOON_NS, "0", "0", 1.0)]
    with pytest.raises(SourceError, match="'MTRSCHANNEL' is not read any more"):
        archive.source(replace(SPEC, tables=SPEC.tables[1:])).again(reject, START)


def test_the_order_key_orders(tmp_path: Path) -> None:
    spec = replace(SPEC, tables=(replace(MTRS, order_by="UPDATEID"),))
    archive = small(tmp_path / "a.db", order="UPDATEID")
    archive.mtrs((101, after(0), 1.0, 7), (101, after(0), 2.0, 2**53 + 1), (101, after(1), 3.0, None))
    archive.mtrs((101, after(2), None, None))
    batches = read(archive.source(spec))
    assert frame(batches).select("value", "_order").rows() == [(1.0, 7), (2.0, 2**53 + 1), (None, 0)]
    (reject,) = [reject for batch in batches for reject in batch.rejects]
    assert reject.reason == "UPDATEID None is no whole number"
    archive.mtrs((102, after(3), 4.0, 3.5))
    rejects = [reject for batch in read(archive.source(spec)) for reject in batch.rejects]
    assert {one.reason for one in rejects} == {
        f"UPDATEID {key} is no whole number" for key in ("None", "3.5")
    }


def test_counts_are_by_series_and_day_and_one_for_rows_of_one_time(archive: Archive) -> None:
    archive.name((500, "cms_mtdtf_dcs_1:MTRS/MTD_TIF_18/Chip_0/Channel_0"), (600, "cms_mtdtf_dcs_1:other"))
    archive.mtrs((101, after(0), 1.0), (500, after(0), 2.0), (101, after(1), None), (101, after(2), 3.0))
    archive.mtrs((101, datetime(2025, 6, 2), 1.0), (600, after(0), 1.0), (999, after(0), 1.0)).plc(
        (203, NOON, 1.0)
    )
    counted = archive.source().count_series(request(0, 1).window).with_columns(pl.col("time").cast(pl.Int64))
    assert counted.select("time", "source", "module", "chip", "channel", "rows").rows() == [
        (START, "mtrs", "", "0", "0", 2),
        (START, "plc", "2", "", "1", 1),
        (START + DAY, "mtrs", "", "0", "0", 1),
    ]


def test_the_archive_is_only_read(archive: Archive) -> None:
    with closing(archive.source().archive.connect()) as connection, pytest.raises(sqlite3.OperationalError):
        connection.connection.execute(f"DELETE FROM {SCHEMA}.MTRSCHANNEL")  # type: ignore[attr-defined]


def test_errors_name_the_archive(tmp_path: Path, archive: Archive) -> None:
    with pytest.raises(SourceError, match=r"absent\.db: there is no such file"):
        source_at(tmp_path / "absent.db").news({})
    wrong = replace(SPEC, tables=(replace(MTRS, name="MTRSCHANNELS"),))
    with pytest.raises(
        SourceError, match=r"archive\.db: no such table: CMS_MTDTF_DCS_PVSS_COND\.MTRSCHANNELS"
    ):
        read(archive.source(wrong))
    (tmp_path / "text.db").write_text("this is no database, but a longer text than it would need")
    with pytest.raises(SourceError, match="not a database"):
        source_at(tmp_path / "text.db").news({})
