"""The delivery of a program itself: to several servers, any of which may be away, of a log."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import pytest

from labmon_dagster.journal import Journal
from labmon_dagster.journal.line import Message
from labmon_dagster.model.window import DAY, day_number
from labmon_dagster.station_log.courier import Courier
from labmon_dagster.station_log.delivery import Destination, delivering, open_deliverer
from labmon_dagster.stores.influxdb import Target
from labmon_dagster_tests.servers.influx import Influxd

START = date(2024, 5, 1)
PATIENCE = 30.0
_OTHER = """
import sys, time
from datetime import date
from pathlib import Path
from labmon_dagster.journal import Journal
from labmon_dagster.station_log.courier import Courier
from labmon_dagster.station_log.delivery import Destination
from labmon_dagster.stores.influxdb import Target
root, url = sys.argv[1:]
to = Destination("local", "eht/vlbimon_local", Target.parse(url))
courier = Courier(Journal(Path(root), "eht/vlbimon"), [to], date(2024, 5, 1), every=0.05)
courier.start()
assert courier.wait(30)
print("delivered", flush=True)
time.sleep(600)
"""


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "journal", "eht/vlbimon")


def write(journal: Journal, *numbers: int, day: date | None = None) -> None:
    at = None if day is None else day_number(day) * DAY + DAY // 2
    journal.append_many([Message(f"pps,station=KP offset={n}i {n}".encode(), {}, at) for n in numbers])


def target(influxd: Influxd, database: str) -> Target:
    return Target.parse(f"influxdb1+{influxd.url}/{database}?patience=0")


def numbers(influxd: Influxd, database: str) -> list[int]:
    return [row["offset"] for row in influxd.query('SELECT "offset" FROM pps', db=database)]


def until(what: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not what():
        assert time.monotonic() < deadline, "it never came to that"
        time.sleep(0.05)


@contextmanager
def started(journal: Journal, *to: Destination, **how: object) -> Iterator[Courier]:
    courier = Courier(journal, to, START, every=0.05, longest=0.2, **how)  # type: ignore[arg-type]
    courier.start()
    try:
        yield courier
    finally:
        courier.close(0)


def test_a_server_that_is_away_holds_up_no_other(
    journal: Journal, influxd: Influxd, influx_database: str, own_influxd: Influxd
) -> None:
    own_influxd.create_database("far")
    own_influxd.stop()
    told: list[str] = []
    near = Destination("local", "eht/vlbimon_local", target(influxd, influx_database))
    far = Destination("global", "eht/vlbimon_global", target(own_influxd, "far"))
    write(journal, 1, 2)
    with started(journal, near, far, on_error=lambda name, error: told.append(name)) as courier:
        until(lambda: courier.states()["local"].delivered == 2)
        assert not courier.wait(0.5)
        state = courier.states()["global"]
        assert (state.delivered, state.waiting) == (0, None) and state.since
        assert "InfluxDB at http://127.0.0.1" in str(state.error) and set(told) == {"global"}
        own_influxd.start()
        write(journal, 3)
        assert courier.wait(PATIENCE)
        assert courier.states()["global"].error is None
        assert told == ["global"], "trouble is told once"
    assert numbers(influxd, influx_database) == numbers(own_influxd, "far") == [1, 2, 3]


def test_what_was_delivered_is_not_delivered_again(
    journal: Journal, influxd: Influxd, influx_database: str
) -> None:
    to = Destination("local", "eht/vlbimon_local", target(influxd, influx_database))
    write(journal, 1, 2)
    for more in (2, 0, 1):
        with started(journal, to) as courier:
            assert courier.wait(PATIENCE) and courier.states()["local"].delivered == more
        if not more:
            write(journal, 3)
    assert numbers(influxd, influx_database) == [1, 2, 3]


def test_where_the_one_that_delivers_is_killed_another_takes_over(
    journal: Journal, influxd: Influxd, influx_database: str, tmp_path: Path
) -> None:
    url = f"influxdb1+{influxd.url}/{influx_database}"
    write(journal, 1)
    command = [sys.executable, "-c", _OTHER, str(journal.folder.parent.parent), url]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout and other.stdout.readline() == "delivered\n"
        with started(journal, Destination("local", "eht/vlbimon_local", Target.parse(url))) as courier:
            write(journal, 2)
            assert courier.wait(PATIENCE), "it knows what the other one has delivered"
            assert courier.states()["local"].delivered == 0
            other.send_signal(signal.SIGKILL)
            other.wait()
            write(journal, 3)
            until(lambda: courier.states()["local"].delivered == 1)
    assert numbers(influxd, influx_database) == [1, 2, 3]


def test_the_days_that_wait_come_in_the_order_that_was_asked_for(
    journal: Journal, influxd: Influxd, influx_database: str
) -> None:
    for n in (1, 2, 3):
        write(journal, n, day=date(2024, 5, n))
    for newest in (False, True):
        to = Destination("x", "eht/x", target(influxd, influx_database), newest_first=newest)
        days = list(open_deliverer(journal, to, START).waiting({}))
        assert [one.day for one in days] == ([3, 2, 1] if newest else [1, 2, 3])


def test_days_before_the_start_stay_where_they_are(
    journal: Journal, influxd: Influxd, influx_database: str
) -> None:
    write(journal, 1, day=date(2024, 4, 30))
    write(journal, 2, day=START)
    with started(journal, Destination("x", "eht/x", target(influxd, influx_database))) as courier:
        assert courier.wait(PATIENCE)
    assert numbers(influxd, influx_database) == [2]


def test_a_bad_line_goes_to_quarantine_and_the_rest_goes_on(
    journal: Journal, influxd: Influxd, influx_database: str
) -> None:
    journal.append(b"pps offset=1i 1\nnothing\npps offset=2i 2")
    to = Destination("x", "eht/x", target(influxd, influx_database))
    with started(journal, to) as courier:
        assert courier.wait(PATIENCE)
    deliverer = open_deliverer(journal, to, START)
    assert [piece.raw for piece in deliverer.store.quarantined("eht/x")] == ["nothing"]
    deliverer.store.close()
    assert numbers(influxd, influx_database) == [1, 2]


def test_a_forked_child_leaves_it_to_its_parent(
    journal: Journal, influxd: Influxd, influx_database: str
) -> None:
    write(journal, 1)
    to = Destination("x", "eht/x", target(influxd, influx_database))
    with started(journal, to) as courier, delivering(journal, "eht/y"):
        assert courier.wait(PATIENCE)
        child = os.fork()
        if not child:
            write(journal, 2)
            courier.start()
            with delivering(journal, "eht/y") as mine:
                os._exit(0 if courier.states() == {} and not mine else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert courier.wait(PATIENCE)
    assert numbers(influxd, influx_database) == [1, 2]


def test_a_parent_that_never_wrote_delivers_what_its_child_writes(
    journal: Journal, influxd: Influxd, influx_database: str
) -> None:
    to = Destination("x", "eht/x", target(influxd, influx_database))
    courier = Courier(journal, [to], START, every=0.05)
    child = os.fork()
    if not child:
        write(journal, 1)
        courier.start()
        os._exit(0)
    os.waitpid(child, 0)
    until(lambda: "x" in courier.states() and courier.states()["x"].delivered == 1)
    assert courier.close(PATIENCE)
    os.waitpid(os.fork() or os._exit(0), 0)
    assert courier.states() == {}, "one that is closed stays so"


def test_a_long_day_is_delivered_in_portions(
    journal: Journal, influxd: Influxd, influx_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("labmon_dagster.station_log.delivery.PORTION", 400)
    monkeypatch.setattr("labmon_dagster.station_log.source.LogJournal.AT_ONCE", 3)
    write(journal, *range(30), day=START)
    deliverer = open_deliverer(journal, Destination("x", "eht/x", target(influxd, influx_database)), START)
    rows = []
    while waiting := deliverer.waiting(deliverer.store.ledger("eht/x")):
        assert list(waiting) == [START]
        rows.append(deliverer.deliver(START))
    deliverer.store.close()
    assert len(rows) > 3 and sum(row.counts.stored for row in rows) == 30 == rows[-1].in_store
    assert not any(row.proven for row in rows), "no read took in the whole day"
    assert numbers(influxd, influx_database) == list(range(30))
