"""Driving a worker from a test: commands, answers, kills."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any


class Worker:
    """A worker process. Its errors go to ``log``."""

    def __init__(self, settings: dict[str, Any], log: Path) -> None:
        self.settings = settings
        self.log = log
        self.process = self._start()

    def _start(self) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "labmon_dagster_tests.system.worker", json.dumps(self.settings)]
        with self.log.open("ab") as errors:
            process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                env=os.environ.copy(),
            )
        self.process = process
        assert self.hear() == "ready", self.log.read_text()
        return process

    def say(self, command: str) -> None:
        assert self.process.stdin
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()

    def hear(self) -> Any:
        """The next answer; None when the process has ended."""
        assert self.process.stdout
        line = self.process.stdout.readline()
        return json.loads(line) if line else None

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def restart(self) -> None:
        self.kill()
        self.process = self._start()

    def close(self) -> None:
        assert self.process.stdin
        self.process.stdin.close()
        self.process.wait(timeout=30)


def stored_rows(database: Path, measurement: str = "Fastdata") -> int:
    """How many rows can be seen in the store from outside."""
    if not database.exists():
        return 0
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=10) as connection:
        try:
            return int(connection.execute(f'SELECT count(*) FROM "{measurement}"').fetchone()[0])
        except sqlite3.OperationalError as error:
            assert "no such table" in str(error)
            return 0
