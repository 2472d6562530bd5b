"""How each device does: counted by the collector, written beside the data, read by `labmon status`."""

from __future__ import annotations

import errno
import os
import time
from pathlib import Path

import msgspec

_FILE = "health.json"
_STALE_SECONDS = 15.0
_ROOM = 3  # times its length; on a full disk every device has an error to tell of


class DeviceHealth(msgspec.Struct):
    """One device. Times are UTC ns, ``offset`` is its clock less ours in ns, ``took`` s of the last poll.

    ``connections``: how often one was made to a device that is heard over a connection.
    """

    asset: str
    device: str
    type: str
    address: str
    poll: int | None = None
    polls: int = 0
    answers: int = 0
    unasked: int = 0
    troubled: int = 0
    missed: int = 0
    refused: int = 0
    journalled: int = 0
    last_answer: int | None = None
    last_error: str = ""
    last_error_at: int | None = None
    errors_in_row: int = 0
    offset: int | None = None
    took: float = 0.0
    longest: float = 0.0
    connections: int = 0

    def succeeded(self, at: int, took: float) -> None:
        """Note an answer."""
        self.answers += 1
        self.last_answer = at
        self.errors_in_row = 0
        self._took(took)

    def failed(self, error: str, at: int, took: float) -> None:
        """Note a poll without a usable answer."""
        self.last_error, self.last_error_at = error, at
        self.errors_in_row += 1
        self._took(took)

    def _took(self, seconds: float) -> None:
        self.took = seconds
        self.longest = max(self.longest, seconds)


class LookHealth(msgspec.Struct):
    """A folder of overwritten files that is looked at."""

    asset: str
    looks: int = 0
    last_look: int | None = None
    trouble: str = ""


class JournalHealth(msgspec.Struct):
    """A journal that is written: messages flushed and waiting; why it takes no more, or soon will not."""

    source: str
    flushed: int = 0
    waiting: int = 0
    refusing: str | None = None
    warning: str | None = None


class PortHealth(msgspec.Struct):
    """A UDP port: datagrams taken, and those the kernel dropped because they came too fast."""

    number: int
    received: int = 0
    dropped: int | None = None


class Health(msgspec.Struct):
    """Everything the collector knows of itself; ``written`` is when it said so (UTC ns)."""

    pid: int
    started: int
    written: int
    devices: list[DeviceHealth] = []
    looks: list[LookHealth] = []
    journals: list[JournalHealth] = []
    ports: list[PortHealth] = []
    stopped: bool = False

    @property
    def assets(self) -> list[str]:
        """The assets whose devices or folders it cares for."""
        named = [one.asset for one in self.devices] + [one.asset for one in self.looks]
        return list(dict.fromkeys(named))

    def of(self, asset: str) -> list[DeviceHealth]:
        """Give the devices of an asset."""
        return [one for one in self.devices if one.asset == asset]

    @property
    def is_alive(self) -> bool:
        """Whether the collector has said something lately."""
        return not self.stopped and self.age <= _STALE_SECONDS

    @property
    def age(self) -> float:
        """How many seconds ago it was written."""
        return (time.time_ns() - self.written) / 1e9


def write(folder: Path, health: Health) -> None:
    """Put the health where `read` finds it; readers see the old or the new, never a part.

    On a disk that is full it goes into the room that the last one has: there a reader may meet a part of it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    new = folder / f".{_FILE}.{os.getpid()}"
    raw = msgspec.json.encode(health)
    try:
        new.write_bytes(raw.ljust(_ROOM * len(raw)))
        new.replace(folder / _FILE)
    except OSError:
        new.unlink(missing_ok=True)
        _write_over(folder / _FILE, raw)


def _write_over(path: Path, raw: bytes) -> None:
    """Write over a file in one go, without more room on the disk. Raises OSError if it does not fit."""
    with path.open("r+b", buffering=0) as file:
        room = os.fstat(file.fileno()).st_size
        if len(raw) > room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        file.write(raw.ljust(room))


def read(folder: Path) -> Health | None:
    """Give what the collector said last; None if there never was one. Raises ValueError for another file."""
    try:
        raw = (folder / _FILE).read_bytes()
    except FileNotFoundError:
        return None
    try:
        return msgspec.json.decode(raw, type=Health)
    except msgspec.MsgspecError as error:
        raise ValueError(f"{folder / _FILE}: written by another version of labmon: {error}") from error
