"""`labmon up` as a whole: what it starts, what it shows, and that nothing of it stays."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from labmon_dagster.running.place import LOCATION, free_port
from labmon_dagster.running.ui import Ui

pytestmark = pytest.mark.slow
LABMON = (sys.executable, "-c", "from labmon_dagster.cli import app; app()")


@dataclass
class Running:
    """A started `labmon up`, and the lines it has written."""

    home: Path
    process: subprocess.Popen[str]
    lines: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self.lines.append(line.rstrip())

    def line(self, pattern: str, seconds: float) -> re.Match[str]:
        found: list[re.Match[str]] = []

        def there() -> bool:
            found.extend(match for line in list(self.lines) if (match := re.search(pattern, line)))
            return bool(found) or self.process.poll() is not None

        assert soon(there, seconds) and found, "\n".join(self.lines)
        return found[0]


def soon(so: Callable[[], bool], seconds: float) -> bool:
    end = time.monotonic() + seconds
    while not so() and time.monotonic() < end:
        time.sleep(0.1)
    return so()


def survivors(home: Path) -> list[psutil.Process]:
    """List the processes whose environment names this lab."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("LABMON_HOME") == str(home) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            continue
    return found


def start(home: Path, port: int) -> Running:
    environ = {**os.environ, "LABMON_HOME": str(home), "PYTHONUNBUFFERED": "1"}
    environ.pop("AMERIFLUX_UMBS_DIR", None)
    environ.pop("LABMON_TIMESERIES_URL", None)
    command = [*LABMON, "up", "--port", str(port)]
    return Running(
        home,
        subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True),
    )


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Running]:
    running = start(tmp_path / "var", free_port())
    yield running
    running.process.kill()
    running.process.wait(10)
    soon(lambda: not survivors(running.home), 15)


def test_the_lab_runs_until_ctrl_c_and_then_leaves_nothing(lab: Running) -> None:
    url = lab.line(r"(http://127\.0\.0\.1:\d+)$", 120)[1]
    ui = Ui(int(url.rpartition(":")[2]))
    assert ui.location(LOCATION).loaded
    written = lab.home / "lab" / "ameriflux_umbs" / "46m_Test.dat"
    before = written.stat().st_size
    assert soon(lambda: written.stat().st_size > before, 15)

    second = start(lab.home, free_port())
    assert second.process.wait(30) == 1
    second.line(rf"is running already \(process {lab.process.pid}, {url}\)", 5)

    rows = lab.line(r"first rows stored: ([\d,]+) \(ameriflux_umbs/tower_46m\)", 120)[1]
    assert int(rows.replace(",", "")) > 4000  # six hours of a row every five seconds

    lab.process.send_signal(signal.SIGINT)
    assert lab.process.wait(30) == 0
    assert survivors(lab.home) == []

    again = start(lab.home, free_port())
    again.line(r"http://127\.0\.0\.1:\d+$", 120)
    again.line(rf"0 rows stored since the start, {rows} in all", 60)
    again.process.send_signal(signal.SIGTERM)
    assert again.process.wait(30) == 0
    assert survivors(lab.home) == []


def test_nothing_survives_the_kill_of_the_supervisor(lab: Running) -> None:
    lab.line(r"http://127\.0\.0\.1:\d+$", 120)
    assert len(survivors(lab.home)) > 6
    lab.process.kill()
    assert soon(lambda: survivors(lab.home) == [], 10)


def test_a_child_that_dies_ends_the_lab_with_its_last_words(lab: Running) -> None:
    lab.line("code server has loaded the lab", 120)
    [pc] = [
        one
        for one in survivors(lab.home)
        if one.cmdline()[1:3] == ["-m", "labmon_dagster.running.emulated_pc"]
    ]
    pc.kill()
    lab.line(r"emulated-pc ended with exit code 137; .*emulated-pc\.log ends with:", 20)
    assert lab.process.wait(30) == 1
    assert survivors(lab.home) == []
