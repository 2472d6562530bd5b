"""Several processes under one supervisor."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from labmon_dagster.running.supervisor import ChildFailedError, Interrupted, Supervisor, TookTooLongError

STUBBORN = """
import signal, time
for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, signal.SIG_IGN)
print("up", flush=True)
time.sleep(60)
"""
SLEEPER = "import time; time.sleep(60)"


class Requests:
    count = 0


@pytest.fixture
def requests() -> Requests:
    return Requests()


@pytest.fixture
def supervisor(tmp_path: Path, requests: Requests) -> Iterator[Supervisor]:
    made = Supervisor(tmp_path / "logs", os.environ, requests=lambda: requests.count)
    yield made
    made.stop()
    assert not psutil.Process().children(recursive=True)


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_a_child_that_dies_is_told_with_its_last_lines(supervisor: Supervisor) -> None:
    supervisor.start("good", python(SLEEPER))
    supervisor.start("bad", python("print('\\x1b[31mno port\\x1b[0m'); raise SystemExit(4)"))
    with pytest.raises(ChildFailedError, match="bad ended with exit code 4") as caught:
        supervisor.wait(10)
    assert caught.value.child.tail(5) == ["no port"]


def test_a_service_may_not_even_end_well(supervisor: Supervisor) -> None:
    supervisor.start("service", python("pass"))
    with pytest.raises(ChildFailedError):
        supervisor.wait(10)


def test_a_passing_child_may_end_well(supervisor: Supervisor) -> None:
    child = supervisor.start("check", python("print('fine')"), passing=True)
    supervisor.wait_for("the check", lambda: child.code == 0, 10)
    assert child.tail(1) == ["fine"]


def test_a_request_to_stop_ends_the_waiting(supervisor: Supervisor, requests: Requests) -> None:
    supervisor.start("service", python(SLEEPER))
    requests.count = 1
    with pytest.raises(Interrupted):
        supervisor.wait(10)


def test_what_does_not_come_is_told(supervisor: Supervisor) -> None:
    with pytest.raises(TookTooLongError, match="the moon was not there"):
        supervisor.wait_for("the moon", lambda: False, 0.1)


def test_what_a_killed_guard_left_is_swept_up(supervisor: Supervisor, tmp_path: Path) -> None:
    mark = tmp_path / "pid"
    child = supervisor.start(
        "family",
        python(
            "import subprocess, sys, pathlib, time; "
            f"p = subprocess.Popen([sys.executable, '-c', {SLEEPER!r}], start_new_session=True); "
            f"pathlib.Path({str(mark)!r}).write_text(str(p.pid)); time.sleep(60)"
        ),
    )
    supervisor.wait_for("the grandchild", lambda: mark.exists() and mark.read_text() != "", 10)
    os.kill(child.guard, signal.SIGKILL)
    with pytest.raises(ChildFailedError):
        supervisor.wait(10)
    supervisor.stop()
    assert not psutil.pid_exists(int(mark.read_text()))


def test_stopping_again_is_less_patient(supervisor: Supervisor) -> None:
    child = supervisor.start("stubborn", python(STUBBORN), grace=60)
    supervisor.wait_for("it", lambda: child.tail(1) == ["up"], 10)
    began = time.monotonic()
    supervisor.requests = lambda: int((time.monotonic() - began) / 0.4)
    supervisor.stop()
    assert time.monotonic() - began < 6
    assert child.code == 128 + signal.SIGKILL


def test_the_previous_log_is_kept(supervisor: Supervisor) -> None:
    for text in ("first", "second"):
        child = supervisor.start("tell", python(f"print({text!r})"), passing=True)
        supervisor.wait_for(text, lambda child=child: child.code == 0, 10)  # type: ignore[misc]
    assert child.log.read_text() == "second\n"
    assert child.log.with_suffix(".log.1").read_text() == "first\n"


def test_a_log_that_has_grown_is_begun_anew_while_it_is_written(supervisor: Supervisor) -> None:
    child = supervisor.start(
        "chatter", python("import time\nfor n in range(10**6): print(n, flush=True); time.sleep(0.01)")
    )
    supervisor.wait_for("some lines", lambda: len(child.tail(100)) > 5, 10)
    child.trim(limit=4)
    assert child.log.with_suffix(".log.1").read_text().startswith("0\n1\n")
    supervisor.wait_for("more lines", lambda: bool(child.tail(1)), 10)
    assert "\x00" not in child.log.read_text()
