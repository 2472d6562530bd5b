"""Devices: they answer now or never, so what they say is kept raw first, and understood later.

A `Device` is asked and gives a `Heard`: bytes exactly as they came. A `Kind` knows how a device of its type
is asked, and makes a `Said` (values with names and units) of what was heard, then or years later.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol, TypeAlias, runtime_checkable
from urllib.parse import SplitResult, urlsplit

from labmon_dagster.model.measurement import Field

Value: TypeAlias = float | int | bool | str
"""A value of a quantity. A document may hold lists and records of such values besides."""


class DeviceError(Exception):
    """A device gave no answer at all; the text says what was tried and what happened."""


class SwitchingError(ValueError):
    """Something that is no query would have been sent: labmon reads devices, it never switches them."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a device is: ``udp://192.168.44.61``, ``http://host:8080/page``; no port means its kind's own."""

    scheme: str
    host: str
    port: int | None = None
    path: str = ""

    @classmethod
    def parse(cls, text: str) -> Address:
        """Understand an address. Raises ValueError; a user, password or fragment has no place in it."""
        if not text.isprintable():
            raise ValueError("an address has no line ends or other characters that cannot be printed")
        if "@" in text:  # before it is taken apart: what stands in front of it must be shown nowhere
            raise ValueError("a user or password does not belong in an address")
        parts = urlsplit(text)
        if not parts.scheme or not parts.hostname:
            raise ValueError(f"{text!r} is no address; write it as udp://192.168.44.61 or http://host/page")
        _check_host(parts.hostname)
        if "#" in text:
            raise ValueError(f"an address ({parts.hostname}…) has no #: what stands behind it is never sent")
        port = _port(parts)
        query = f"?{parts.query}" if parts.query else ""
        return cls(parts.scheme, parts.hostname, port, parts.path + query)

    @property
    def is_here(self) -> bool:
        """Whether it is on this very machine, as emulated devices are."""
        return self.host == "localhost" or self.host.startswith("127.") or self.host == "::1"

    def __str__(self) -> str:
        port = f":{self.port}" if self.port else ""
        path, mark, _ = self.path.partition("?")
        return f"{self.scheme}://{self.host}{port}{path}{'?…' if mark else ''}"  # it may be a token


@dataclass(frozen=True, slots=True)
class DeviceSettings:
    """What the YAML says of one device.

    ``timeout``: s to wait for one answer. ``options``: what only its kind knows, checked by the kind.
    """

    name: str
    type: str
    address: Address
    timeout: float = 1.0
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Heard:
    """What a device said, exactly as it came, at one poll or unasked.

    ``received`` is UTC ns by our clock. ``form`` says how ``payload`` is to be understood (its kind knows the
    words). ``trouble``: why it cannot be believed (late, cut short, out of step): then it is kept, and never
    understood. ``clock``: the device's own time (UTC ns), where it tells. ``sender``: who sent it, where it
    is not the device's address.
    """

    payload: bytes
    received: int
    form: str
    trouble: str = ""
    clock: int | None = None
    sender: str = ""


@dataclass(frozen=True, slots=True)
class Said:
    """What a device said, understood: values by the names of quantities, units of those that have one.

    ``missing``: quantities that were asked for in vain, with the reason. ``details``: what has the form of
    lists or records, for documents only.
    """

    values: Mapping[str, Value]
    units: Mapping[str, str] = field(default_factory=dict)
    missing: Mapping[str, str] = field(default_factory=dict)
    details: Mapping[str, Any] = field(default_factory=dict)


def record_of(settings: DeviceSettings, address: str, said: Said, timestamp: datetime) -> dict[str, Any]:
    """Give what a device said as the record that is stored of it.

    Keys: timestamp, device, type, address, values (with details), units, and missing where anything is.
    """
    record: dict[str, Any] = {
        "timestamp": timestamp,
        "device": settings.name,
        "type": settings.type,
        "address": address,
        "values": {**said.values, **said.details},
        "units": dict(said.units),
    }
    if said.missing:
        record["missing"] = dict(said.missing)
    return record


Unasked: TypeAlias = Callable[[Heard], Future[Any] | None]
"""Takes what a device said without being asked: pushed messages, and answers that came too late.

The future is done when it is safely on disk; None, or a future with an exception: it is not, and a sender
that waits for a confirmation must get none. It may be called from any thread.
"""


class Device(Protocol):
    """A device as labmon sees it: it can be asked. No more than one poll is under way at a time.

    Nothing is opened before `open` or `poll`. After any error the next poll starts anew by itself.
    """

    async def open(self) -> None:
        """Be ready to hear what it says unasked, where it does. Raises DeviceError, OSError."""
        ...

    async def poll(self) -> Heard:
        """Ask for everything once. Raises DeviceError if nothing at all was heard."""
        ...

    async def close(self) -> None:
        """Let go of connections and ports."""
        ...


@runtime_checkable
class Connected(Device, Protocol):
    """A device that is heard over a connection, which may end: then it is opened again."""

    @property
    def remark(self) -> str:
        """What is to be told of the connection that `open` made, as of messages that are missing, or ''."""
        ...

    async def lost(self) -> None:
        """Wait until the connection ends. Raises DeviceError, which says why; it never returns otherwise."""
        ...


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of device, by its ``type`` and the ``scheme`` of its address.

    ``quantities`` lists what it may say: names, types, units (where these are fixed), meaning. ``check``
    raises ValueError for options that make no sense. ``connect`` gives a device to be asked; ``understand``
    raises ValueError, which says what is wrong, for what is no answer of such a device. ``pushes``: it also
    speaks unasked, and so may be listened to without ever being polled. ``confirmed``: its sender keeps what
    it said until it is told that the disk has it, and says it again otherwise.
    """

    type: str
    scheme: str
    quantities: Callable[[DeviceSettings], tuple[Field, ...]]
    connect: Callable[[DeviceSettings, Unasked], Device]
    understand: Callable[[Heard, DeviceSettings], Said]
    check: Callable[[DeviceSettings], None] = lambda settings: None
    pushes: bool = False
    confirmed: bool = False


def _port(parts: SplitResult) -> int | None:
    try:
        port = parts.port
    except ValueError:
        port = 0
    if port == 0:
        raise ValueError(
            f"the port of an address ({parts.hostname}…) is a number from 1 to 65535; "
            "leave it out for the usual one"
        )
    return port


def _check_host(host: str) -> None:
    """Raise ValueError for what can be the name or number of no host."""
    if not host.isprintable() or " " in host:
        raise ValueError(f"{host!r} is no name of a host")
    try:
        host.encode("idna")
    except UnicodeError:
        raise ValueError(f"{host!r} is no name of a host: it has parts of 1 to 63 characters") from None
