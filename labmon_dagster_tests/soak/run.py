"""What the soaks of the collector share: their processes, figures from /proc, how they end."""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from labmon_dagster.running.instruments import EMULATED
from labmon_dagster_tests.soak.collector import MEASURED, Asked, Settings

# An MP710508's own port is here the emulator's; with its usual pauses a poll takes longer than 1 s.
OPTIONS = {"mp710508": {"local_port": 0, "pause": 0.01}}
_ROOM = "labmon_dagster_tests.soak."
_TICKS = os.sysconf("SC_CLK_TCK")


class Process:
    """A process of a soak, which says a line when it is ready; its errors go to a log."""

    def __init__(self, module: str, argument: Sequence[str], log: Path) -> None:
        log.parent.mkdir(parents=True, exist_ok=True)
        self._log = log
        with log.open("ab") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-m", _ROOM + module, *argument],
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
        self.pid = self._process.pid
        self.told = self.line()

    def line(self) -> str:
        """Wait for its next line. Raises RuntimeError if it has ended."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"it ended with {self._process.wait()}:\n{self._log.read_text()[-2000:]}")
        return line

    def __enter__(self) -> Process:
        return self

    def __exit__(self, *error: object) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()

    def stop(self, timeout: float = 60.0) -> tuple[int, float]:
        """End it as an operator does; give its exit code and how long that took (s)."""
        began = time.monotonic()
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(timeout), time.monotonic() - began


@dataclass(slots=True)
class Use:
    """What a process used between two looks. ``cpu`` is in % of one core, ``waited`` s for a free core."""

    seconds: float
    cpu: float
    waited: float
    memory_mib: float
    peak_mib: float
    threads: int


class Watch:
    """Looks at a process from outside, by /proc."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._began = time.monotonic(), self._cpu(), self._waited()

    def use(self) -> Use:
        """Give what it used since the watch began. Its main thread, with the event loop, is what waits."""
        at, cpu, waited = self._began
        seconds = time.monotonic() - at
        told = dict(line.split(":", 1) for line in self._read("status").splitlines())
        return Use(
            round(seconds, 2),
            round(100 * (self._cpu() - cpu) / seconds, 1),
            round(self._waited() - waited, 2),
            round(int(told["VmRSS"].split()[0]) / 1024, 1),
            round(int(told["VmHWM"].split()[0]) / 1024, 1),
            int(told["Threads"]),
        )

    def _cpu(self) -> float:
        parts = self._read("stat").rpartition(")")[2].split()
        return (int(parts[11]) + int(parts[12])) / _TICKS

    def _waited(self) -> float:
        return int(self._read("schedstat").split()[1]) / 1e9

    def _read(self, name: str) -> str:
        return Path(f"/proc/{self._pid}/{name}").read_text()


@dataclass(slots=True)
class Seen:
    """What a soak saw: ``broken`` says which promises were not kept, ``load`` that of begin and end.

    ``slow`` are those of them that a busy machine alone may break.
    """

    what: str
    seed: int
    settings: dict[str, Any]
    load: list[float] = field(default_factory=lambda: [round(os.getloadavg()[0], 2)])
    figures: dict[str, Any] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)
    slow: list[str] = field(default_factory=list)
    verdict: str = ""

    def expect(self, promise: bool, told: str, *, timed: bool = False) -> None:
        """Note what was broken, unless the promise was kept; ``timed``: it depends on the machine."""
        if not promise:
            self.broken.append(told)
            self.slow += [told] if timed else []

    @property
    def wrong(self) -> list[str]:
        """The broken promises that no busy machine excuses."""
        return [one for one in self.broken if one not in self.slow]

    def end(self) -> Seen:
        """Say what came out."""
        self.load.append(round(os.getloadavg()[0], 2))
        self.verdict = "; ".join(self.broken) or "every promise was kept"
        return self


def station(asset: str, device: str, name: str, port: int, host: str = "127.0.0.1") -> Asked:
    """Ask an emulated device, every second; ``name`` is its emulator's."""
    one = EMULATED[name]
    return Asked(asset, device, one.type, one.address(host, port), options=OPTIONS.get(name, {}))


def collector(home: Path, stations: Sequence[Asked], stack: ExitStack, buffer: int = 0) -> Process:
    """Start a collector, and wait until it has said how it does."""
    settings = Settings(str(home), list(stations), buffer)
    text = msgspec.json.encode(settings).decode()
    process = stack.enter_context(Process("collector", [text], home / "logs" / "collector.log"))
    until(lambda: health(home), "the collector says how it does")
    return process


def until(true: Callable[[], object], what: str, within: float = 30.0) -> float:
    """Wait, and give how long (s). Raises TimeoutError."""
    began = time.monotonic()
    while not true():
        if time.monotonic() - began > within:
            raise TimeoutError(f"not within {within:g} s: {what}")
        time.sleep(0.05)
    return time.monotonic() - began


def health(home: Path) -> dict[str, Any]:
    """Read what the collector says of itself, as plain JSON; empty if it said nothing yet."""
    path = home / "collector" / "health.json"
    return dict(json.loads(path.read_text())) if path.exists() else {}


def measured(home: Path) -> tuple[np.ndarray, np.ndarray]:
    """Give polls (station, begin ns, took ns) and waits for the disk (station, ns), as columns."""
    told = json.loads((home / MEASURED).read_text())
    return np.array(told["polls"], dtype=np.int64), np.array(told["waits"], dtype=np.int64)


def spread(milliseconds: np.ndarray) -> dict[str, float]:
    """Give how values are spread."""
    if not len(milliseconds):
        return {"count": 0}
    p50, p90, p99 = np.percentile(milliseconds, (50, 90, 99))
    shown = {"median": p50, "p90": p90, "p99": p99, "longest": milliseconds.max()}
    return {"count": len(milliseconds)} | {name: round(float(value), 2) for name, value in shown.items()}


def said_by_status(home: Path) -> str:
    """Give what `labmon status` shows."""
    program = [sys.executable, "-c", "from labmon_dagster.cli import app; app()", "status"]
    known = {name: value for name, value in os.environ.items() if not name.startswith("LABMON_")}
    environ = known | {"LABMON_HOME": str(home), "COLUMNS": "250", "DAGSTER_DISABLE_TELEMETRY": "1"}
    done = subprocess.run(program, env=environ, capture_output=True, text=True, timeout=60, check=False)
    return done.stdout + done.stderr


def asked_for(parser: argparse.ArgumentParser) -> argparse.Namespace:
    """Give the arguments, with those that every soak has."""
    parser.add_argument("--out", type=Path, help="where the JSON goes, besides standard output")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


def told(seen: Seen, out: Path | None) -> int:
    """Write what was seen; give the exit code."""
    text = json.dumps(asdict(seen), indent=1) + "\n"
    sys.stdout.write(text)
    if out:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(text)
    return 1 if seen.broken else 0


def in_folder(soak: Callable[[Path], Seen]) -> Seen:
    """Do it in a folder that is removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="labmon-soak-") as folder:
        return soak(Path(folder))
