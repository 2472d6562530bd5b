"""`labmon journal`: listing, reading, compressing, and pruning only what is proven everywhere."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import date
from pathlib import Path
from threading import Thread

import pytest

from labmon_dagster.cli import journal_cat, journal_prune
from labmon_dagster.components.feed import Feed
from labmon_dagster.journal import Journal, Message, close_days
from labmon_dagster.model import Mark
from labmon_dagster.settings import journal_root, open_documents, open_store
from labmon_dagster.stores import LedgerRow
from labmon_dagster_tests.cli.lab import labmon, told

NOON = 1_624_622_400_000_000_000  # 2021-06-25 12:00 UTC
DAY = 86_400 * 10**9
NAME, FIRST, SECOND = "lab/power", "2021-06-25", "2021-06-26"


@pytest.fixture
def journal() -> Journal:
    """Two old days: one compressed, one plain; and today."""
    made = Journal(journal_root(), NAME)
    made.append_many(
        Message(b'{"v": %d}\n' % n, {"device": f"caen_{n % 2}", "n": n, "ok": n > 1}, NOON + n * 10**9)
        for n in range(4)
    )
    close_days(made, NOON + 2 * DAY)
    made.append_many([Message(b"\xff\x00\x1b[2J", {"device": "other"}, NOON + DAY)])
    made.append(b"now")
    Journal(journal_root(), "b").append_many([Message(b"x", {}, NOON)])
    return made


def test_the_list_shows_every_day(journal: Journal) -> None:
    lines = told("journal", "list").splitlines()
    assert lines[0].split() == [
        "journal",
        "day",
        "state",
        "size",
        "on",
        "disk",
        "first",
        "last",
        "entries",
        "damaged",
    ]
    assert [line.split()[0] for line in lines[1:]] == ["b", NAME, NAME, NAME, "total"]
    rows = json.loads(told("journal", "list", NAME, "--format", "json", "--count"))
    assert [(r["day"], r["state"], r["entries"], r["damaged"]) for r in rows[:2]] == [
        (FIRST, "compressed", 4, 0),
        (SECOND, "plain", 1, 0),
    ]
    assert rows[0]["size"] == journal.size(FIRST) > rows[0]["disk"] > 0
    assert (rows[0]["first"], rows[0]["last"]) == (
        "2021-06-25T12:00:00.000000000Z",
        "2021-06-25T12:00:03.000000000Z",
    )
    (cheap, *_) = json.loads(told("journal", "list", NAME, "--format", "json"))
    assert (cheap["first"], cheap["last"], cheap["entries"]) == ("2021-06-25T12:00:00.000000000Z", None, None)


def test_the_list_goes_on_behind_a_file_it_cannot_read(journal: Journal) -> None:
    path = journal.folder / f"{FIRST}.jsonl.gz"
    path.write_bytes(path.read_bytes()[:30])
    result = labmon("journal", "list", NAME)
    assert result.exit_code == 1
    assert "unreadable" in result.stdout
    assert SECOND in result.stdout
    assert result.stderr.startswith(f"labmon: {path}: is damaged or cut short")
    assert len(result.stderr.splitlines()) == 1


def test_nothing_there_is_said() -> None:
    assert "nothing was journalled yet" in labmon("journal", "list").stderr
    assert "no day is to be compressed" in labmon("journal", "compress").stderr


@pytest.mark.parametrize("command", [("list",), ("cat",), ("compress",), ("prune", "--older-than", "1d")])
def test_a_wrong_name_lists_those_there_are(journal: Journal, command: tuple[str, ...]) -> None:
    result = labmon("journal", command[0], "power", *command[1:])
    assert result.exit_code == 1
    assert result.stderr == f"labmon: no journal 'power'; there are: b, {journal.source}\n"


@pytest.mark.usefixtures("journal")
def test_entries_as_text() -> None:
    lines = told("journal", "cat", NAME, "--until", "2021-07-01").splitlines()
    assert lines[1] == '2021-06-25T12:00:01.000000000Z {"device": "caen_1", "n": 1, "ok": false} {"v": 1}\\n'
    assert lines[4] == '2021-06-26T12:00:00.000000000Z {"device": "other"} \\xff\\x00\\x1b[2J'


def test_exact_lines_and_payloads(journal: Journal) -> None:
    payload = labmon("journal", "cat", NAME, "--until", "2021-07-01", "--format", "payload")
    assert payload.stdout_bytes == b"".join(b'{"v": %d}\n' % n for n in range(4)) + b"\xff\x00\x1b[2J"
    lines = told("journal", "cat", NAME, "--day", SECOND, "--format", "json")
    assert lines == (journal.folder / f"{SECOND}.jsonl").read_text().partition("\n")[2]


@pytest.mark.usefixtures("journal")
@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("--device", "caen_1"), [1, 3]),
        (("--device", "caen_1", "--where", "ok=true"), [3]),
        (("--where", "n=2"), [2]),
        (("--where", "n=2", "--where", "ok=false"), []),
        (("--where", "none=1"), []),
        (("--day", FIRST, "--limit", "2"), [0, 1]),
        (("--since", "2021-06-25T12:00:02Z", "--until", "2021-06-25T12:00:03Z"), [2]),
        (("--since", "2021-06-25T12:00:03Z", "--limit", "1"), [3]),
    ],
)
def test_choosing(arguments: tuple[str, ...], expected: list[int]) -> None:
    result = labmon("journal", "cat", NAME, "--format", "json", *arguments)
    assert [json.loads(line)["meta"]["n"] for line in result.stdout.splitlines()] == expected
    assert (result.exit_code, "no entries" in result.stderr) == (0, not expected)


@pytest.mark.usefixtures("journal")
@pytest.mark.parametrize(
    "arguments",
    [("--where", "x"), ("--day", "1.1.2021"), ("--since", "x"), ("--day", FIRST, "--since", "-1d")],
)
def test_what_cannot_be_understood(arguments: tuple[str, ...]) -> None:
    assert labmon("journal", "cat", NAME, *arguments).exit_code == 2


def test_the_newest_entries(journal: Journal) -> None:
    def payloads(*arguments: object) -> list[str]:
        lines = told("journal", "cat", NAME, *arguments).splitlines()
        return [line.rsplit(" ", 1)[1] for line in lines]

    assert payloads("--last", 1) == ["now"]
    assert payloads("--last", 3) == ["3}\\n", "\\xff\\x00\\x1b[2J", "now"]
    assert payloads("--last", 1, "--device", "caen_0") == ["2}\\n"]
    assert payloads("--last", 2, "--day", FIRST) == ["2}\\n", "3}\\n"]
    assert len(payloads("--last", 99)) == 6
    assert labmon("journal", "cat", NAME, "--last", 1, "--limit", 1).exit_code == 2
    assert journal.days()


def test_what_follows_the_newest_is_new(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_cat.time, "sleep", lambda _: journal.append(b"more"))
    reading = journal_cat.Reading(journal, journal_cat.Window(0, 2**62), ())
    found = reading.all(follow=True, last=1)
    assert [next(found).payload for _ in range(3)] == [b"now", b"more", b"more"]


@pytest.mark.usefixtures("journal")
def test_an_unknown_device_names_those_there_are() -> None:
    result = labmon("journal", "cat", NAME, "--device", "caen")
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == "no entries of device 'caen'; there are entries of: caen_0, caen_1, other\n"
    assert (
        "entries of: caen_0, caen_1\n" in labmon("journal", "cat", NAME, "--device=x", "--day", FIRST).stderr
    )


def test_damage_is_told_beside_the_data(journal: Journal) -> None:
    with (journal.folder / f"{SECOND}.jsonl").open("ab") as file:
        file.write(b"gar\x1bbage\n")
    result = labmon("journal", "cat", NAME, "--day", SECOND, "--format", "payload")
    assert result.stdout_bytes == b"\xff\x00\x1b[2J"
    assert result.stderr.startswith(f"labmon: {NAME} {SECOND}: damaged line at byte ")
    (row,) = (
        one
        for one in json.loads(told("journal", "list", "--count", "--format", "json"))
        if one["day"] == SECOND
    )
    assert row["damaged"] == 1


def test_a_closed_pipe_is_no_error(journal: Journal) -> None:
    journal.append_many([Message(b"x" * 10_000, {}, NOON)] * 200)
    script = f"{sys.executable} -m labmon journal cat {NAME} | head -1; echo ${{PIPESTATUS[0]}}"
    script = script.replace("-m labmon", "-c 'from labmon_dagster.cli import app; app()'")
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.splitlines()[1:] == ["0"]
    assert done.stderr == ""


def test_following(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_cat, "LOOK", 0.01)

    def speak() -> None:
        time.sleep(0.2)
        journal.append_many([Message(b"late", {}, NOON)])
        close_days(journal, NOON + 3 * DAY)
        journal.append(b"more")

    thread = Thread(target=speak)
    thread.start()
    assert told("journal", "cat", NAME, "--follow", "--format", "json", "--limit", "8").count("late") == 1
    thread.join()


def test_compressing(journal: Journal) -> None:
    said = told("journal", "compress").splitlines()
    assert [line.split(":")[0] for line in said] == [f"b {FIRST}", f"{NAME} {SECOND}"]
    assert not (journal.folder / f"{SECOND}.jsonl").exists()
    assert told("journal", "cat", NAME, "--limit", "5").count("\n") == 5


def test_a_journal_that_cannot_be_compressed_keeps_no_other_from_it(journal: Journal) -> None:
    path = journal_root() / "b" / f"{FIRST}.jsonl"
    path.write_bytes(b'{"labmon_journal":2}\n')
    result = labmon("journal", "compress")
    assert result.exit_code == 1
    assert result.stdout.startswith(f"{NAME} {SECOND}: ")
    assert result.stderr.splitlines()[-1].startswith(f"labmon: {path}: journal format 2")
    assert journal.size(SECOND)


class Ledgers:
    """What two assets, of readings and of documents, have proven of the journal."""

    def __init__(self, journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
        self.journal = journal
        base = Feed("lab/power", "power", None, date(2021, 6, 1), "1", journal=NAME)  # type: ignore[arg-type]
        self.feeds = [
            base,
            replace(base, asset="lab/raw", store="documents", documents=True),
            replace(base, asset="lab/other", journal="b"),
            replace(base, asset="lab/none", journal=None),
        ]
        monkeypatch.setattr(journal_prune, "feeds", lambda: self.feeds)

    def enter(self, asset: str, day: str, **members: object) -> None:
        row = LedgerRow(asset, date.fromisoformat(day), covered="whole day", **members)  # type: ignore[arg-type]
        with closing(open_documents() if asset == "lab/raw" else open_store()) as store, store.transaction():
            store.enter([row])

    def prove(self, asset: str, *days: str) -> None:
        for day in days:
            self.enter(asset, day, proven=True, read_until={day: Mark(self.journal.size(day))})


@pytest.fixture
def ledgers(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ledgers]:
    yield Ledgers(journal, monkeypatch)


def prune(*arguments: str) -> list[str]:
    return told("journal", "prune", NAME, "--older-than", "90d", *arguments).splitlines()


def test_only_what_every_asset_has_proven_goes(ledgers: Ledgers) -> None:
    journal = ledgers.journal
    ledgers.prove("lab/power", FIRST, SECOND)
    ledgers.prove("lab/raw", FIRST)
    ledgers.enter("lab/raw", SECOND, trouble="a file cut short")
    said = prune()
    assert said[0].startswith(FIRST) and said[0].endswith("would be removed")
    assert said[1].endswith("kept: lab/raw has not proven it: a file cut short")
    assert "1 of 2 days can be removed; --yes removes them" in said[2]
    assert not journal.pruned(FIRST)

    size = journal.size(FIRST)
    said = prune("--yes")
    assert said[0].endswith("  removed")
    assert said[2] == f"1 of 2 days were removed, {size} bytes"
    assert (journal.pruned(FIRST), journal.pruned(SECOND)) == (True, False)
    assert journal.days()[0] == SECOND
    rows = json.loads(told("journal", "list", NAME, "--format", "json"))
    assert (rows[0]["day"], rows[0]["state"], rows[0]["first"]) == (FIRST, "pruned", None)
    assert "were pruned, the last is 2021-06-25" in labmon("journal", "cat", NAME, "--day", FIRST).stderr


def test_every_reason_is_told(ledgers: Ledgers) -> None:
    assert prune()[0].endswith("kept: lab/power has not read it; lab/raw has not read it")
    ledgers.prove("lab/raw", FIRST)
    size = ledgers.journal.size(FIRST)
    ledgers.enter("lab/power", FIRST, proven=True, read_until={FIRST: Mark(size - 1)})
    assert prune("--yes")[0].endswith(f"kept: lab/power has read only {size - 1} of {size} bytes")
    assert not ledgers.journal.pruned(FIRST)


def test_a_journal_that_feeds_nothing_is_never_pruned(ledgers: Ledgers) -> None:
    ledgers.prove("lab/power", FIRST, SECOND)
    ledgers.feeds = ledgers.feeds[2:]
    said = prune("--yes")
    assert [line.split("kept: ")[1] for line in said[:2]] == [
        "no asset is fed by this journal: nobody has proven the day"
    ] * 2
    assert ledgers.journal.days()[:2] == [FIRST, SECOND]


def test_days_that_are_not_old_enough_stay(ledgers: Ledgers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time_ns", lambda: NOON + 3 * DAY)
    ledgers.prove("lab/power", FIRST, SECOND)
    ledgers.prove("lab/raw", FIRST, SECOND)
    assert "has no day that ended more than 5d ago" in told(
        "journal", "prune", NAME, "--older-than", "5d", "--yes"
    )
    said = told("journal", "prune", NAME, "--older-than", "2d", "--yes").splitlines()
    assert said[-1].startswith("1 of 1 days were removed")
    assert ledgers.journal.days()[0] == SECOND


def test_a_day_that_grows_while_it_is_judged_stays(ledgers: Ledgers, monkeypatch: pytest.MonkeyPatch) -> None:
    ledgers.prove("lab/power", FIRST)
    ledgers.prove("lab/raw", FIRST)
    judge = journal_prune._verdicts

    def judged(*arguments: object) -> object:
        found = judge(*arguments)  # type: ignore[arg-type]
        ledgers.journal.append_many([Message(b"late", {}, NOON)])
        return found

    monkeypatch.setattr(journal_prune, "_verdicts", judged)
    assert prune("--yes")[0].endswith("kept: something came just now")
    assert not ledgers.journal.pruned(FIRST)


def test_prune_needs_an_age(ledgers: Ledgers) -> None:
    assert labmon("journal", "prune", NAME).exit_code == 2
    assert labmon("journal", "prune", NAME, "--older-than", "soon").exit_code == 2
    assert ledgers.journal.days()


def test_help_has_examples() -> None:
    for command in ("list", "cat", "prune", "compress"):
        assert f"labmon journal {command}" in told("journal", command, "--help")


def test_the_files_stay_where_they_are(journal: Journal) -> None:
    """Looking changes nothing."""

    def state() -> list[tuple[str, int]]:
        return sorted((str(p), p.stat().st_mtime_ns) for p in Path(journal_root()).rglob("*") if p.is_file())

    before = state()
    told("journal", "list", "--count")
    told("journal", "cat", NAME)
    assert state() == before
