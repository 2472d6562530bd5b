from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, closing
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from labmon_dagster.settings import open_store
from labmon_dagster.stores import ReadingStore
from labmon_dagster_tests.cli.lab import ASSET, DAY, MEASUREMENT, labmon, land, line, table, told
from labmon_dagster_tests.databases import TOKEN, dropped, urls

NOW = int(datetime(2021, 6, 25, 15, 0, tzinfo=UTC).timestamp()) * 10**9
LATE = line(7200, 3, 50, 2, 3, 7999, 5)  # two hours ahead of the clock: not believed yet
BAD = '"2021-06-25 10:00:15",2,"é, whole"\r\n'


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Fill the tower's folder: two good rows, one that is none, one ahead of its time."""
    monkeypatch.setenv("AMERIFLUX_UMBS_DIR", str(tmp_path / "files"))
    table(tmp_path / "files", line(0, 0), line(5, 1), BAD, LATE)
    return tmp_path / "files"


@pytest.fixture(params=["sqlite", "influxdb1", "influxdb2"])
def store(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[ReadingStore]:
    """The lab's store, in every kind of database."""
    with ExitStack() as stack:
        if request.param != "sqlite":
            influxd = request.getfixturevalue("influxd")
            url = stack.enter_context(urls(influxd, int(request.param[-1])))
            monkeypatch.setenv("LABMON_INFLUXDB_TOKEN", TOKEN)
            monkeypatch.setenv("LABMON_TIMESERIES_URL", url(stack.enter_context(dropped(influxd))))
            told("create-store")
        yield stack.enter_context(closing(open_store()))


@pytest.mark.usefixtures("folder")
def test_the_life_of_a_piece(store: ReadingStore) -> None:
    _, before = land(store, NOW)
    assert (before.counts.stored, before.counts.quarantined) == (2, 2)
    bad, late = sorted(store.quarantined(), key=lambda one: one.place)
    listed = [json.loads(one) for one in told("quarantine", "list", "--format", "jsonl").splitlines()]
    assert [(one["id"], one["kind"], one["day"]) for one in listed] == [
        (bad.id, "unreadable", "2021-06-25"),
        (late.id, "unreadable", "2021-06-25"),
    ]
    shown = told("quarantine", "show", bad.id[:6])
    assert shown.endswith(f"raw:\n{BAD.rstrip()}\n")
    assert "3 columns where the header names 7" in shown

    result = told("quarantine", "retry", "--all")
    assert f"{bad.id} {ASSET} 46m_1.dat:7: still refused: 3 columns where the header names 7" in result
    assert f"{late.id} {ASSET} 46m_1.dat:8: stored" in result
    assert result.endswith("1 of 2 pieces are out of quarantine\n")
    assert [one.id for one in store.quarantined()] == [bad.id]
    assert "2021-06-25T17:00:05.000000000Z" in told("query", MEASUREMENT, "--format", "csv")

    after = store.ledger(ASSET)[DAY]
    assert after.read_until == before.read_until, "a retry reads nothing of the source"
    assert (after.counts, after.written, after.in_store) == (before.counts, before.written, 3)
    assert after.last == int(datetime(2021, 6, 25, 17, 0, 5, tzinfo=UTC).timestamp()) * 10**9

    _, whole = land(store)
    assert (whole.proven, whole.in_store) == (True, 3)
    assert (whole.counts.stored, whole.counts.repeated, whole.counts.quarantined) == (0, 3, 1)


def test_a_row_whose_place_is_taken_is_refused(store: ReadingStore, folder: Path) -> None:
    land(store, NOW)
    table(folder, line(0, 0), line(5, 1), line(7200, 9, 51, 2, 3, 7999, 5))
    land(store)
    before = told("query", MEASUREMENT, "--format", "csv")
    late = next(one for one in store.quarantined() if one.raw == LATE.rstrip())
    assert "still refused: the store holds other values" in told("quarantine", "retry", late.id)
    assert told("query", MEASUREMENT, "--format", "csv") == before
    assert late.id in [one.id for one in store.quarantined()]
    assert {one.kind for one in store.quarantined()} == {"unreadable"}


def test_a_row_that_is_there_by_now_only_leaves(store: ReadingStore, folder: Path) -> None:
    land(store, NOW)
    land(store)
    late = next(one for one in store.quarantined() if one.raw == LATE.rstrip())
    ledger = store.ledger(ASSET)
    assert "the store has this row already" in told("quarantine", "retry", late.id)
    assert store.ledger(ASSET) == ledger
    assert folder.exists()


@pytest.mark.usefixtures("folder")
def test_a_day_never_read_stays_unread(store: ReadingStore, folder: Path) -> None:
    tomorrow = line(86400, 3)
    table(folder, line(0, 0), tomorrow)
    land(store, NOW)
    assert "stored" in told("quarantine", "retry", "--asset", ASSET)
    assert list(store.ledger(ASSET)) == [DAY]
    _, row = land(store, day=date(2021, 6, 26))
    assert (row.proven, row.counts.repeated) == (True, 1)


def test_pieces_that_reading_again_cannot_help(store: ReadingStore, folder: Path) -> None:
    table(folder, line(0, 0, 1, 2, 3, 7999, 5), line(0, 1, 9, 2, 3, 7999, 5))
    land(store)
    assert "collided" in told("quarantine", "list", "--kind", "collided", "--day", DAY)
    assert "only a person can say" in told("quarantine", "retry", "--all")
    assert len(store.quarantined()) == 1


@pytest.mark.usefixtures("folder")
def test_errors(store: ReadingStore) -> None:
    land(store, NOW)
    assert labmon("quarantine", "retry").exit_code == 2
    assert labmon("quarantine", "list", "--kind", "odd").exit_code == 2
    unknown = labmon("quarantine", "show", "zz")
    assert unknown.exit_code == 1
    assert unknown.stderr.startswith("labmon: no piece 'zz' is in quarantine")
    assert told("quarantine", "list", "--day", "2020-01-01").startswith("nothing is in quarantine")


@pytest.mark.usefixtures("folder")
def test_a_piece_is_tried_again_in_the_store_of_its_asset_only(
    store: ReadingStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LABMON_LOCAL_URL", f"sqlite:///{tmp_path}/local.db")
    with closing(open_store("local")) as local:
        land(local, NOW)
        before = told("query", MEASUREMENT, "--store", "local", "--format", "csv")
        told("create-store")
        assert told("quarantine", "list").startswith("nothing is in quarantine")
        (late,) = [piece for piece in local.quarantined() if piece.raw == LATE.rstrip()]
        assert LATE.rstrip() in told("quarantine", "show", late.id, "--store", "local")
        said = told("quarantine", "retry", late.id, "--store", "local")
        assert "its asset is landed in store 'timeseries' now, and this is 'local'" in said
        assert told("query", MEASUREMENT, "--store", "local", "--format", "csv") == before
        assert len(local.quarantined()) == 2
        assert ASSET in told("status", "--store", "local", "--until", DAY)
        assert store.ledger(ASSET) == {}
