"""The tower as an asset: what lands, what is shown, what is checked."""

from __future__ import annotations

import json
from datetime import date, datetime, timedelta
from pathlib import Path

import dagster as dg
import pandas as pd
import pytest

from labmon_dagster.model import Window
from labmon_dagster.stores import SqliteStore
from labmon_dagster_tests import tables
from labmon_dagster_tests.labs import lab, materialize, tower

DAY = date(2021, 6, 25)
LOCAL = datetime(2021, 6, 25, 10, 50, 5)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    tables.write(tmp_path / "pc" / "46m_Test.dat", tables.header(), tables.rows(LOCAL, 60, record=260623))
    return tmp_path / "pc"


def test_a_day_is_stored_once_however_often_it_is_materialized(folder: Path, embedded: SqliteStore) -> None:
    for counts in ((60, 0), (0, 60)):
        assert materialize(tower(folder), str(DAY)).success
        row = embedded.ledger("umbs/tower")[DAY]
        assert (row.counts.stored, row.counts.repeated, row.in_store) == (*counts, 60)
    stored = embedded.fetch("Fastdata", Window.of_days(DAY, DAY))
    assert stored.height == 60
    assert stored["Calibration_PPFD_qc"].unique().to_list() == [4]
    assert stored["time"][0].isoformat() == "2021-06-25T15:50:05+00:00"
    assert stored["time"][-1].isoformat() == "2021-06-25T15:55:00+00:00"
    assert stored["station"].unique().to_list() == ["46m"]


def test_a_partition_stores_its_own_day_only(tmp_path: Path, embedded: SqliteStore) -> None:
    three_days = tables.rows(datetime(2021, 6, 24, 0, 0, 0), 3 * 24, step=3600)
    feed = tower(tables.write(tmp_path / "46m_a.dat", tables.header(), three_days).parent)
    materialize(feed, "2021-06-25")
    found = embedded.fetch("Fastdata", Window.of_days(date(2021, 1, 1), date(2022, 1, 1)))
    assert found.height == 24
    assert {time.date() for time in found["time"]} == {DAY}
    ledger = embedded.ledger("umbs/tower")
    assert {str(day) for day, row in ledger.items() if row.stale} == {
        "2021-06-24",
        "2021-06-26",
        "2021-06-27",
    }


def test_each_partition_of_a_range_shows_its_own_figures(folder: Path) -> None:
    with dg.instance_for_test() as instance:
        result = materialize(tower(folder), "2021-06-24", "2021-06-26", instance=instance)
    shown = {m.partition: m.metadata for m in result.asset_materializations_for_node("umbs__tower")}
    assert {day: metadata["read"].value for day, metadata in shown.items()} == {
        "2021-06-24": 0,
        "2021-06-25": 60,
        "2021-06-26": 0,
    }
    about = shown["2021-06-25"]
    assert about["dagster/partition_row_count"].value == 60
    assert about["source files"].value == "46m_Test.dat"
    assert about["headers"].value[0]["program"] == "CPU:Y21_46M_PARCal.CR5"
    assert about["first time"].value == "2021-06-25T15:50:05.000000000Z"


def test_a_clock_set_back_loses_no_row_silently(folder: Path, embedded: SqliteStore) -> None:
    """The logger's clock goes back by a minute: 12 stamps come again, with higher RECORD and other values."""
    materialize(tower(folder), str(DAY))
    with (folder / "46m_Test.dat").open("ab") as file:
        file.writelines(
            tables.row(LOCAL + timedelta(seconds=5 * n), 260683 + n, 1.5, 2, 3, 7999, 5).encode()
            for n in range(48, 60)
        )
    materialize(tower(folder), str(DAY), mode="news")
    stored = embedded.fetch("Fastdata", Window.of_days(DAY, DAY))
    assert stored["RECORD"].to_list() == [*range(260623, 260671), *range(260731, 260743)]
    pieces = embedded.quarantined("umbs/tower")
    assert [json.loads(piece.raw)["RECORD"] for piece in pieces] == list(range(260671, 260683))
    assert {piece.kind for piece in pieces} == {"collided"}


def test_checks_tell_what_is_missing_and_what_is_quarantined(folder: Path) -> None:
    with (folder / "46m_Test.dat").open("ab") as file:
        file.write(tables.row(datetime(2021, 6, 25, 10, 55, 5), 260683, "broken").encode())
    result = materialize(tower(folder), str(DAY))
    checks = {check.check_name: check for check in result.get_asset_check_evaluations()}
    assert result.success, "bad rows never fail a run"
    assert not checks["complete"].passed
    assert checks["complete"].metadata["oldest"].value == "2021-06-01"
    quarantine = checks["nothing_quarantined"]
    assert not quarantine.passed
    assert quarantine.severity is dg.AssetCheckSeverity.WARN
    assert "46m_Test.dat:65" in str(quarantine.metadata["latest"].value)
    assert checks["quality"].metadata["Calibration_PPFD"].value == {"fail": 60}


def test_replace_corrects_a_wrong_zone(folder: Path, embedded: SqliteStore) -> None:
    materialize(tower(folder, zone="UTC-04:00"), str(DAY))
    materialize(tower(folder), str(DAY), replace=True)
    stored = embedded.fetch("Fastdata", Window.of_days(DAY, DAY))
    assert stored.height == 60
    assert stored["time"][0].isoformat() == "2021-06-25T15:50:05+00:00"


def test_a_broken_equation_fails_the_run(
    folder: Path, embedded: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    from labmon_dagster.landing.tally import Tallies

    monkeypatch.setattr(Tallies, "judged", _one_short(Tallies.judged))
    with pytest.raises(Exception, match="60 rows read, but 59 accounted for"):
        materialize(tower(folder), str(DAY))
    assert embedded.ledger("umbs/tower") == {}


def _one_short(judged):  # type: ignore[no-untyped-def]
    from labmon_dagster.stores import Counts

    def short(self, rows, *how):  # type: ignore[no-untyped-def]
        judged(self, rows, *how)
        self[DAY].counts += Counts(stored=-1)

    return short


def test_a_downstream_asset_gets_the_rows_of_its_tower_only(folder: Path, tmp_path: Path) -> None:
    """A second tower writes to the same measurement."""
    other = tables.write(
        tmp_path / "other" / "46m_B.dat", tables.header(station="B"), tables.row(LOCAL, 1, 900, 2, 3, 1, 900)
    )
    second = materialize(tower(other.parent, asset="umbs/other"), str(DAY))

    @dg.asset(
        ins={"tower": dg.AssetIn(key=dg.AssetKey(["umbs", "tower"]), input_manager_key="readings")},
        partitions_def=dg.DailyPartitionsDefinition("2021-06-01", end_offset=1),
        io_manager_key="kept",
    )
    def daily_mean(tower: pd.DataFrame) -> float:
        return float(tower["Solar_Incidence"].mean())

    first = materialize(tower(folder), str(DAY))
    flags = [
        check.metadata["Calibration_PPFD"].value
        for result in (first, second)
        for check in result.get_asset_check_evaluations()
        if check.check_name == "quality"
    ]
    assert flags == [{"fail": 60}, {"pass": 1}]
    definitions = dg.Definitions.merge(
        lab(tower(folder)), dg.Definitions(assets=[daily_mean], resources={"kept": dg.InMemoryIOManager()})
    )
    job = definitions.resolve_implicit_global_asset_job_def()
    result = job.execute_in_process(partition_key=str(DAY))
    assert result.output_for_node("daily_mean") == 5.0
