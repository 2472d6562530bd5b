"""A server as a child process: started on a free port, ended with the tests whatever happens to them."""

from __future__ import annotations

import os
import random
import resource
import socket
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

HOST = "127.0.0.1"
PATIENCE = 60.0
GRACE = 10.0
_TRIES = 5
# Below the ports that the system gives to outgoing connections: nothing takes them while a server is down.
_PORTS = range(20_000, 32_000)
# The child dies with the thread that started it. A file limit must give EFBIG and not end the process:
# SIGXFSZ is ignored, and blocked for programs that install handlers of their own, as Go's do.
_CHILD = """
import ctypes, os, resource, signal, sys
parent, limit, *command = sys.argv[1:]
ctypes.CDLL(None).prctl(1, signal.SIGKILL)
if os.getppid() != int(parent):
    sys.exit("the parent is gone")
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGXFSZ])
resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
os.execv(command[0], command)
"""
# One thread that lives as long as the interpreter, so that a server may be started from any other.
_STARTER = ThreadPoolExecutor(1, thread_name_prefix="starts-servers")


class ServerError(RuntimeError):
    """A server did not start; the text has the tail of its log."""


class Server(ABC):
    """A server with a folder and a port of its own, which it keeps over restarts."""

    def __init__(self, folder: Path, *, file_limit: int | None = None) -> None:
        self.folder = folder
        self.file_limit = file_limit
        """Bytes that a file of it may have from the next start on: beyond, writes fail as on a full disk."""
        self.port = 0
        self._has_started = False
        self._process: subprocess.Popen[bytes] | None = None

    @abstractmethod
    def command(self) -> list[str]:
        """What is executed; it may write what the server needs into the folder first."""

    @abstractmethod
    def ready(self) -> bool:
        """Whether it takes requests by now."""

    def first_started(self) -> None:  # noqa: B027
        """Called once, when it has become ready for the first time."""

    @property
    def log(self) -> Path:
        """What it has written to its standard output and error, over all its starts."""
        return self.folder / "log"

    @property
    def running(self) -> bool:
        """Whether its process is there."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """The number of its process."""
        assert self._process
        return self._process.pid

    def start(self) -> Self:
        """Start it and wait until it takes requests: first on a free port, later on the same."""
        if self.running:
            return self
        if self._has_started:
            self._launch()
        else:
            self._start_first()
        return self

    def stop(self) -> None:
        """Ask it to end, and make it after ten seconds."""
        if self._process and self.running:
            self._process.terminate()
            try:
                self._process.wait(GRACE)
            except subprocess.TimeoutExpired:
                self.kill()

    def kill(self) -> None:
        """SIGKILL: what it had not on disk is lost."""
        if process := self._process:
            process.kill()
            process.wait()

    def restart(self) -> Self:
        """Stop it if it runs, and start it on the same port and folder."""
        self.stop()
        return self.start()

    def limit_files(self, limit: int | None) -> None:
        """Set `file_limit`, for the running process too: the disk fills up, or has room again."""
        self.file_limit = limit
        if self._process and self.running:
            _, hard = resource.prlimit(self._process.pid, resource.RLIMIT_FSIZE)
            resource.prlimit(self._process.pid, resource.RLIMIT_FSIZE, (self._soft_limit(), hard))

    def _soft_limit(self) -> int:
        return resource.RLIM_INFINITY if self.file_limit is None else self.file_limit

    def _start_first(self) -> None:
        for tries_left in reversed(range(_TRIES)):
            self.port = free_port()
            try:
                self._launch()
                break
            except ServerError:
                if not tries_left or not self._port_was_taken():
                    raise

    def _port_was_taken(self) -> bool:
        return "address already in use" in self._tail().lower()

    def _launch(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._process = _STARTER.submit(self._spawn, self.command()).result()
        try:
            self._wait()
            if not self._has_started:
                self.first_started()
                self._has_started = True
        except BaseException:
            self.kill()
            raise

    def _spawn(self, command: list[str]) -> subprocess.Popen[bytes]:
        wrapper = [sys.executable, "-I", "-S", "-c", _CHILD, str(os.getpid()), str(self._soft_limit())]
        with self.log.open("ab") as log:
            return subprocess.Popen(
                [*wrapper, *command],
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def _wait(self) -> None:
        end = time.monotonic() + PATIENCE
        while self.running:
            if self._listens() and self.ready():
                return
            if time.monotonic() > end:
                raise ServerError(f"{self} is not ready after {PATIENCE:.0f} s:\n{self._tail()}")
            time.sleep(0.02)
        raise ServerError(f"{self} has ended at its start:\n{self._tail()}")

    def _listens(self) -> bool:
        """Whether the port is its own by now, and not that of another who was faster."""
        assert self._process
        try:
            there = psutil.Process(self._process.pid).net_connections("tcp")
        except psutil.NoSuchProcess:
            return False
        return any(one.status == psutil.CONN_LISTEN and one.laddr.port == self.port for one in there)

    def _tail(self, lines: int = 20) -> str:
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return "\n".join(text.splitlines()[-lines:])

    def __str__(self) -> str:
        return f"{type(self).__name__} on port {self.port} in {self.folder}"

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


def free_port() -> int:
    """A port that nothing listens on now."""
    while True:
        port = random.SystemRandom().choice(_PORTS)
        with socket.socket() as one:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                one.bind((HOST, port))
            except OSError:
                continue
            return port
