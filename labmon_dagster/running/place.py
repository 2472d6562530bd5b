"""The folder of a running lab: who runs it, Dagster's own home in it, and free ports."""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from labmon_dagster.running.tree import is_alive

LOCATION = "labmon_dagster"
LOCAL = "127.0.0.1"
_CONFIGURATION = Path(__file__).parent.parent.parent / "dagster.yaml"
_PORT = re.compile(r"port: (\d+)")
_PATIENCE = 15.0  # seconds that the processes of a killed `labmon up` may need to end


class AlreadyRunningError(Exception):
    """The lab in this folder is running."""


@contextmanager
def occupied(home: Path) -> Iterator[int]:
    """Hold the folder for one running lab; gives the open lock file.

    Whoever inherits the file holds the folder too. Raises AlreadyRunningError, OSError.
    """
    home.mkdir(parents=True, exist_ok=True)
    lock = os.open(home / "up.lock", os.O_RDWR | os.O_CREAT, 0o666)
    try:
        end = time.monotonic() + _PATIENCE
        while not _lock(lock):
            runner = json.loads(os.pread(lock, 1000, 0) or b"{}")
            if "pid" not in runner or is_alive(runner["pid"]) or time.monotonic() > end:
                raise AlreadyRunningError(_who(home, runner))
            time.sleep(0.2)
        announce(lock, "")
        yield lock
    finally:
        os.close(lock)


def _lock(lock: int) -> bool:
    with suppress(BlockingIOError):
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    return False


def _who(home: Path, runner: dict[str, object]) -> str:
    at = f", {runner['url']}" if runner.get("url") else ""
    return f"the lab in {home} is running already (process {runner.get('pid', 'unknown')}{at})"


def announce(lock: int, url: str) -> None:
    """Write into the lock file who holds it, and where the lab can be seen."""
    os.ftruncate(lock, 0)
    os.pwrite(lock, json.dumps({"pid": os.getpid(), "url": url}).encode(), 0)


def configure_dagster(folder: Path, configuration: Path = _CONFIGURATION) -> bool:
    """Put the project's dagster.yaml into Dagster's home; False where the project's is not there."""
    folder.mkdir(parents=True, exist_ok=True)
    if not configuration.is_file():
        return False
    own = folder / "dagster.yaml"
    if not own.exists() or own.read_bytes() != configuration.read_bytes():
        shutil.copyfile(configuration, own)
    return True


def has_storage(folder: Path, workspace: Path) -> bool:
    """Whether a lab has run here before, with databases in Dagster's home that are still there."""
    databases = ("history/runs.db", "history/runs/index.db", "schedules/schedules.db")
    return workspace.exists() and all((folder / name).exists() for name in databases)


def code_server_port(workspace: Path) -> int:
    """Choose the port the workspace file names, if it is free: Dagster then finds the lab where it was."""
    before = _PORT.search(workspace.read_text()) if workspace.exists() else None
    return int(before[1]) if before and is_free(int(before[1])) else free_port()


def write_workspace(workspace: Path, port: int) -> None:
    """Tell Dagster where the code server is."""
    server = f"{{host: {LOCAL}, port: {port}, location_name: {LOCATION}}}"
    workspace.write_text(f"load_from:\n- grpc_server: {server}\n")


def is_free(port: int) -> bool:
    """Whether a server on this machine could use the port."""
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with suppress(OSError):
            server.bind((LOCAL, port))
            return True
    return False


def free_port(first: int | None = None) -> int:
    """Any free port, or the first one from ``first`` on. Raises OSError if there is none."""
    if first is None:
        with socket.socket() as server:
            server.bind((LOCAL, 0))
            return int(server.getsockname()[1])
    for port in range(first, min(first + 1000, 65_536)):
        if is_free(port):
            return port
    raise OSError(f"no port from {first} on is free")


def free_udp_port() -> int:
    """Any free UDP port."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind((LOCAL, 0))
        return int(receiver.getsockname()[1])


def answers(port: int) -> bool:
    """Whether something listens at the port."""
    with suppress(OSError), socket.create_connection((LOCAL, port), 0.5):
        return True
    return False
