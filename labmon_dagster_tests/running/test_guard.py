"""Nothing that ran under a guard is left behind, whoever dies first."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

STUBBORN = """
import signal, time
for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, signal.SIG_IGN)
print("up", flush=True)
time.sleep(60)
"""
POLITE = """
import time
print("up", flush=True)
try:
    time.sleep(60)
except KeyboardInterrupt:
    raise SystemExit(3)
"""
STARTER = """
import subprocess, sys, time
guard = [sys.executable, "-m", "labmon_dagster.running.guard", "5", sys.executable, "-c", {code!r}]
process = subprocess.Popen(guard, stdin=subprocess.PIPE, start_new_session=True)
time.sleep(60)
"""
# Its child leaves the group and the session, and is no child of it any more when the signal comes.
WITH_GRANDCHILD = (
    "import subprocess, sys, time; "
    "p = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'], start_new_session=True); "
    "print(p.pid, flush=True); time.sleep({})"
)
SLEEPER = "import time; print('up', flush=True); time.sleep(60)"


def guard(code: str, grace: float = 5.0) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "labmon_dagster.running.guard", str(grace), sys.executable, "-c", code]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def first_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    return process.stdout.readline().strip()


def soon(so: Callable[[], bool], seconds: float = 5.0) -> bool:
    end = time.monotonic() + seconds
    while not so() and time.monotonic() < end:
        time.sleep(0.02)
    return so()


def test_the_exit_code_is_the_commands() -> None:
    process = guard("raise SystemExit(7)")
    assert process.wait(5) == 7


def test_what_cannot_be_started_is_told() -> None:
    command = [sys.executable, "-m", "labmon_dagster.running.guard", "1", "/no/such/program"]
    done = subprocess.run(command, stdin=subprocess.PIPE, capture_output=True, text=True, timeout=10)
    assert done.returncode == 127
    assert "/no/such/program cannot be started" in done.stderr


def test_sigint_is_passed_on() -> None:
    process = guard(POLITE)
    first_line(process)
    process.send_signal(signal.SIGINT)
    assert process.wait(5) == 3


def test_a_command_starts_with_default_signals_though_its_starter_ignores_them() -> None:
    ignoring = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        process = guard(SLEEPER)
    finally:
        signal.signal(signal.SIGINT, ignoring)
    first_line(process)
    process.send_signal(signal.SIGINT)
    assert process.wait(5) == 1 or process.returncode == 128 + signal.SIGINT


def test_a_command_that_ignores_signals_is_killed_after_the_grace() -> None:
    process = guard(STUBBORN, grace=0.2)
    first_line(process)
    process.send_signal(signal.SIGINT)
    assert process.wait(6) == 128 + signal.SIGKILL


def test_further_signals_shorten_the_wait() -> None:
    process = guard(STUBBORN, grace=30)
    first_line(process)
    began = time.monotonic()
    for _ in range(3):
        process.send_signal(signal.SIGTERM)
        time.sleep(0.3)
    assert process.wait(5) == 128 + signal.SIGKILL
    assert time.monotonic() - began < 4


@pytest.mark.parametrize("lasts", [60, 0])
def test_a_grandchild_of_another_session_ends_too(lasts: int) -> None:
    """Whether the command is ended, or ends by itself."""
    process = guard(WITH_GRANDCHILD.format(lasts))
    grandchild = int(first_line(process))
    if lasts:
        process.send_signal(signal.SIGINT)
    process.wait(8)
    assert not psutil.pid_exists(grandchild)


def test_all_end_when_the_starter_is_killed(tmp_path: Path) -> None:
    starter = tmp_path / "starter.py"
    starter.write_text(STARTER.format(code=WITH_GRANDCHILD.format(60)))
    process = subprocess.Popen([sys.executable, str(starter)], stdout=subprocess.PIPE, text=True)
    first_line(process)
    family = psutil.Process(process.pid).children(recursive=True)
    assert len(family) == 3
    process.kill()
    process.wait(5)
    assert soon(lambda: not any(one.is_running() and one.status() != psutil.STATUS_ZOMBIE for one in family))


def test_the_command_ends_when_the_guard_is_killed() -> None:
    process = guard("import os, time; print(os.getpid(), flush=True); time.sleep(60)")
    command = int(first_line(process))
    process.kill()
    process.wait(5)
    assert soon(lambda: not psutil.pid_exists(command) or _is_zombie(command))


def _is_zombie(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE or os.getpid() == pid
    except psutil.NoSuchProcess:
        return True
