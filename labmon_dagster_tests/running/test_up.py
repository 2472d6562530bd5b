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


def size(path: Path) -> int:
    """The bytes of a file, with those of a database that are not in it yet."""
    return sum(part.stat().st_size for part in path.parent.glob(f"{path.name}*"))


def number(text: str) -> int:
    return int(text.replace(",", ""))


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
    for name in ("AMERIFLUX_UMBS_DIR", "CMS_MTD_ARCHIVE_URL", "LABMON_TIMESERIES_URL"):
        environ.pop(name, None)
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
    for name in ("ameriflux_umbs/46m_Test.dat", "cms_mtd/archive.db"):
        written = lab.home / "lab" / name
        before = size(written)
        assert soon(lambda written=written, before=before: size(written) > before, 15)  # type: ignore[misc]

    second = start(lab.home, free_port())
    assert second.process.wait(30) == 1
    second.line(rf"is running already \(process {lab.process.pid}, {url}\)", 5)

    lab.line(r"first rows stored: .*ameriflux_umbs/tower_46m", 120)
    rows = number(lab.line(r"([\d,]+) in all, newest reading", 60)[1])
    assert rows > 20  # soon after midnight today has few

    lab.process.send_signal(signal.SIGINT)
    assert lab.process.wait(30) == 0
    assert survivors(lab.home) == []

    again = start(lab.home, free_port())
    again.line(r"http://127\.0\.0\.1:\d+$", 120)
    assert number(again.line(r"([\d,]+) in all, newest reading", 60)[1]) >= rows
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
    [pc] = [one for one in survivors(lab.home) if one.cmdline()[3:] == ["emulate", "loggernet"]]
    pc.kill()
    lab.line(r"emulated-pc ended with exit code 137; .*emulated-pc\.log ends with:", 20)
    assert lab.process.wait(30) == 1
    assert survivors(lab.home) == []
