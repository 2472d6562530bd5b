"""`labmon replay` of dump files: each event is stored once, whatever happens on the way."""

from __future__ import annotations

import gzip
import json
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner

from labmon_dagster.cli import app
from labmon_dagster.components.lab import feed_named
from labmon_dagster.journal import Journal
from labmon_dagster.stores import StoreError
from labmon_dagster.stores.documents.kept import Kept
from labmon_dagster.stores.documents.sqlite import SqliteDocuments
from labmon_dagster_tests.cli.lab import labmon, told
from labmon_dagster_tests.clients.ricochetdb.daq_lab import deliver, stored
from labmon_dagster_tests.components.cosmic_lab import ASSET, COLLECTION, event, journalled, look, quarantined
from labmon_dagster_tests.sources.cosmic.sample import DUMP, LINES
from labmon_dagster_tests.stores.documents.conftest import STORES, url
from labmon_dagster_tests.stores.documents.records import everything
from labmon_dagster_tests.system.cosmic_dump import kill_on_the_way, replay, write_dump
from labmon_dagster_tests.system.cosmic_dump import stored as counted

__all__ = ["url"]


@pytest.fixture
def dump(tmp_path: Path) -> Path:
    path = tmp_path / "dump.dat"
    path.write_bytes(DUMP)
    return path


def there() -> list[Kept]:
    return stored(feed_named(ASSET))


@pytest.mark.parametrize("url", STORES, indirect=True)
def test_the_published_events_are_stored_once_though_replayed_twice(
    dump: Path, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LABMON_DOCUMENTS_URL", url)
    assert told("replay", dump).startswith("3 events: 3 new, 0 there already, 0 refused in ")
    first, before = there()[0], journalled()
    assert first.time == 1_568_919_335 * 10**9
    assert round(first.body["decoded"]["tdc_0"]["calibration_count"]) == 2532
    assert told("replay", dump).startswith("3 events: 0 new, 3 there already, 0 refused in ")
    assert (len(there()), journalled()) == (3, before)


def test_the_next_run_finds_what_was_replayed_and_changes_nothing(dump: Path) -> None:
    told("replay", dump)
    before = there()
    counts, in_store = deliver(feed_named(ASSET))
    assert (counts.stored, counts.repeated, in_store) == (0, 3, 3)
    assert there() == before
    assert [entry.payload for entry in journalled()] == [DUMP.rstrip()]


def test_the_day_is_known_and_waits_to_be_read(dump: Path) -> None:
    told("replay", dump)
    assert states() == {"waiting": 1}
    deliver(feed_named(ASSET))
    told("replay", dump)
    assert states() == {"read": 1}


def states() -> dict[str, int]:
    """Of today, as `labmon status` tells it."""
    said = json.loads(told("status", ASSET, "--days", "1", "--format", "json"))
    counts: dict[str, int] = said[ASSET]["counts"]
    return counts


def test_what_a_run_has_stored_is_not_journalled_again(dump: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COSMIC_DUMPS", str(dump.parent))
    asset = feed_named(ASSET)
    look(asset)
    deliver(asset)
    dump.write_bytes(LINES[0] + b"\n" + event(1) + b"\n" + LINES[1] + b"\n" + event(2) + b"\n" + event(3))
    assert "5 events: 3 new, 2 there already" in told("replay", dump)
    assert [entry.payload for entry in journalled()[1:]] == [event(1), event(2) + b"\n" + event(3)]
    assert [entry.meta["line"] for entry in journalled()[1:]] == [2, 4]
    before = there()
    assert deliver(asset)[1] == 6
    assert there() == before


def test_what_is_no_event_goes_to_quarantine_and_the_rest_goes_on(dump: Path) -> None:
    dump.write_bytes(
        b"hello\n" + LINES[0] + b"\n" + LINES[1].replace(b"4918", b"null") + b"\n" + LINES[2][:50]
    )
    result = labmon("replay", dump)
    assert (result.exit_code, result.stdout[:42]) == (1, "1 events: 1 new, 0 there already, 3 refuse")
    assert f"in quarantine of {ASSET}: 1 × EventNumber is missing or null" in result.stderr
    places = [piece.place.partition(" ")[2] for piece in quarantined()]
    assert sorted(places) == ["dump.dat:1", "dump.dat:3", "dump.dat:4"]
    assert labmon("replay", dump, "--skip-bad").exit_code == 0
    before = quarantined()
    counts, _ = deliver(feed_named(ASSET))
    assert (counts.quarantined, quarantined(), len(before)) == (3, before, 3)
    assert "still refused" in told("quarantine", "retry", before[0].id)


def test_numbers_that_were_used_for_several_events_are_told(dump: Path) -> None:
    dump.write_bytes(event(1) + event(1, bits=1) + event(1) + event(2))
    result = labmon("replay", dump)
    assert result.stdout.startswith("4 events: 3 new, 1 there already")
    assert "1 event numbers stand for several events, which are all stored" in result.stderr
    assert "0/12345/1" in result.stderr
    assert "0/12345/1" in labmon("replay", dump).stderr


def test_a_dry_run_prints_the_documents_and_writes_nothing(dump: Path, home: Path) -> None:
    dump.write_bytes(DUMP + b"hello")
    result = labmon("replay", dump, "--dry-run", "--skip-bad")
    assert (result.exit_code, "dump.dat:4: no event" in result.stderr) == (0, True)
    shown = [json.loads(line) for line in result.stdout.splitlines()]
    assert (shown[0]["time"][:19], shown[0]["number"]) == ("2019-09-19T18:55:35", 4917)
    assert labmon("replay", dump, "--dry-run").exit_code == 1
    assert not list(home.rglob("*.db")) and not journalled()


@pytest.mark.parametrize("packed", [False, True])
def test_standard_input_packed_or_not(packed: bool) -> None:
    given = gzip.compress(DUMP) if packed else DUMP
    result = CliRunner().invoke(app, ["replay", "-"], input=given)
    assert (result.exit_code, result.stdout[:15]) == (0, "3 events: 3 new")
    assert [entry.meta["sender"] for entry in journalled()] == ["stdin"]


@pytest.mark.parametrize(
    "text",
    [
        LINES[0].replace(b", ", b",\n"),
        b"{" + LINES[0][1:],
        b"[\n{" + LINES[0][1:] + b"]",
        b"rubbish\n" + LINES[0],
        b"\xef\xbb\xbf" + LINES[0],
        b'{"EventNumber": 1}\n' + LINES[0],
    ],
)
def test_events_are_recognised_by_looking(dump: Path, text: bytes) -> None:
    dump.write_bytes(text)
    assert labmon("replay", dump, "--skip-bad").stdout.startswith("1 events: 1 new")


def test_other_forms_are_replayed_beside(dump: Path, tmp_path: Path) -> None:
    lines = tmp_path / "a.lp"
    lines.write_text("m f=1 1\n")
    shown = told("replay", dump, lines)
    assert "3 events: 3 new" in shown and "1 points of 1 measurements written" in shown


def test_another_store_and_asset_by_name(dump: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABMON_OTHER_URL", f"sqlite:///{tmp_path}/other.db")
    result = labmon("replay", dump, "--to", "other", "--asset", ASSET)
    assert (result.exit_code, "in its own store, 'documents'" in result.stderr) == (0, True)
    with closing(SqliteDocuments(tmp_path / "other.db")) as store:
        assert len(everything(store, COLLECTION)) == 3
    assert (
        "no asset of events 'x/y'; there are: cosmic/events"
        in labmon("replay", dump, "--asset", "x/y").stderr
    )
    assert "LABMON_NOWHERE_URL is not set" in labmon("replay", dump, "--to", "nowhere").stderr


def test_a_gzip_file_that_was_cut_is_loaded_as_far_as_it_goes(tmp_path: Path) -> None:
    path = tmp_path / "dump.dat.gz"
    text = b"\n".join(event(number, bits=number * 7919 % 2**16) for number in range(6000))
    path.write_bytes(gzip.compress(text)[:-30])
    result = labmon("replay", path)
    assert result.exit_code == 1
    assert "labmon: dump.dat.gz: the gzip file is damaged or not whole" in result.stderr
    found = sorted(one.body["number"] for one in there())
    assert found == list(range(len(found))) and len(found) > 100
    assert f"{len(found):,} events: {len(found):,} new" in result.stdout


def test_what_the_store_does_not_take_is_not_called_new_but_is_in_the_journal(
    dump: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> dict[str, str]:
        raise StoreError("the disk is full")

    with monkeypatch.context() as broken:
        broken.setattr(SqliteDocuments, "write", full)
        result = labmon("replay", dump)
    assert (result.exit_code, result.stdout[:15]) == (1, "0 events: 0 new")
    assert f"3 more events are in the journal of {ASSET}, and not stored" in result.stderr
    assert "the disk is full" in result.stderr
    assert (len(journalled()), deliver(feed_named(ASSET))[1]) == (1, 3)


def test_large_pieces_that_begin_alike_are_all_kept(dump: Path) -> None:
    for number in range(2):
        dump.write_bytes(b'{"DetectorId": 1, "Pad": "%b%d"}' % (b"x" * 70_000, number))
        assert "1 refused" in labmon("replay", dump).stdout
    assert [entry.payload[-3:] for entry in journalled()] == [b'0"}', b'1"}']
    assert len(quarantined()) == 2


@pytest.mark.slow
def test_killed_on_the_way_nothing_is_lost_and_nothing_is_there_twice(tmp_path: Path) -> None:
    home, url = tmp_path / "killed", f"sqlite:///{tmp_path}/killed.db"
    path = write_dump(tmp_path / "many.dat", 50_000)
    begun = [kill_on_the_way(path, home, url, events) for events in (1, 10_000, 20_000)]
    assert 0 < begun[0] <= begun[1] <= begun[2] < 50_000
    replay(path, home, url)
    assert counted(url) == 50_000
    journal = Journal(home / "journal", ASSET)
    kept = [entry.payload.count(b"EventNumber") for day in journal.days() for entry in journal.read(day)]
    # What was journalled and not stored yet when it was killed is journalled again: a batch each time.
    assert 50_000 <= sum(kept) <= 50_000 + 3 * 6_000


def test_where_no_asset_takes_events_that_is_said(dump: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("labmon_dagster.cli.replay_events.feeds", list)
    assert "no asset takes events: a defs.yaml with CosmicEvents" in labmon("replay", dump).stderr
