"""The options of a broker in YAML."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labmon_dagster.model.devices import DeviceSettings
from labmon_dagster.sources.mqtt.topics import filter_of

TLS = "mqtts"
PORTS = {"mqtt": 1883, TLS: 8883}
_ALLOWED = ("client_id", "topics", "qos", "ca_file", "certificate", "key_file", "user")
FILES = ("ca_file", "certificate", "key_file")
_LONGEST_ID = 128  # characters that AWS IoT Core takes; others take as many
_QOS = (0, 1)


@dataclass(frozen=True, slots=True)
class Options:
    """What is subscribed to (``filters``, with ``qos``), as which client, and what proves who it is."""

    client_id: str
    filters: tuple[str, ...]
    qos: int = 1
    ca_file: Path | None = None
    certificate: Path | None = None
    key_file: Path | None = None
    user: str = ""


def options_of(settings: DeviceSettings) -> Options:
    """Understand the options of a broker. Raises ValueError that names what is allowed."""
    told = settings.options
    for name in told:
        if name not in _ALLOWED:
            raise ValueError(f"option {name!r} is not known; allowed: {', '.join(_ALLOWED)}")
    files = {name: Path(_text(told, name)) for name in FILES if told.get(name)}
    return Options(_client_id(told), _filters(told), _qos(told), user=_text(told, "user"), **files)


def check(settings: DeviceSettings) -> None:
    """Raise ValueError for options or an address that make no sense."""
    options, address = options_of(settings), settings.address
    if address.path not in {"", "/"}:
        raise ValueError(f"address {address}: a broker has no path; write mqtt://host or mqtts://host:8883")
    files = [name for name in FILES if getattr(options, name)]
    if files and address.scheme != TLS:
        raise ValueError(f"option {files[0]}: only {TLS}:// has certificates, and the address is {address}")
    if (options.certificate is None) != (options.key_file is None):
        raise ValueError("options certificate and key_file belong together: give both or none")


def port_of(settings: DeviceSettings) -> int:
    """The port of the address, or the usual one of its scheme."""
    return settings.address.port or PORTS[settings.address.scheme]


def _client_id(told: Mapping[str, Any]) -> str:
    found = _text(told, "client_id")
    if not found or len(found) > _LONGEST_ID or not found.isprintable():
        raise ValueError(
            f"option client_id: {found!r}; a name of 1 to {_LONGEST_ID} characters, which no other client "
            "of the broker has: the broker keeps under it what was not acknowledged yet"
        )
    return found


def _filters(told: Mapping[str, Any]) -> tuple[str, ...]:
    found = told.get("topics")
    listed = isinstance(found, Sequence) and not isinstance(found, str)
    if not listed or not found or not all(isinstance(one, str) for one in found):
        raise ValueError(f"option topics: {found!r}; a list of one or more, as cosmic/{{detector}}/events")
    return tuple(dict.fromkeys(filter_of(one) for one in found))


def _qos(told: Mapping[str, Any]) -> int:
    found = told.get("qos", 1)
    if isinstance(found, bool) or found not in _QOS:
        raise ValueError(
            f"option qos: {found!r}; allowed: 1 (at least once) and 0 (lost while nobody listens); with 2 a "
            "message would be confirmed before it is on disk"
        )
    return int(found)


def _text(told: Mapping[str, Any], name: str) -> str:
    found = told.get(name) or ""
    if not isinstance(found, str) or "\0" in found:
        raise ValueError(f"option {name}: {found!r} is no text")
    return found
