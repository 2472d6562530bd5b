"""What the values of an event mean, as far as that is known or can be proven from the event itself.

Beside each decoded value stands how it was obtained. What fits nothing known is not decoded.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from labmon_dagster.model.window import DAY, SECOND, instant_text
from labmon_dagster.sources.cosmic.event import Event
from labmon_dagster.sources.cosmic.formats import FORMATS, Typed
from labmon_dagster.sources.cosmic.tdc import measured

EPOCH_2000 = 10_957 * DAY
"""2000-01-01T00:00:00Z, from which clocks of microcontrollers count. UTC ns."""

AHEAD = 1800 * SECOND
"""So far after its receipt (ns) an event's time may lie."""

_SWAPPED = "bytes swapped (32 bits)"
_RAW_ONLY = "raw only"
_LIMIT = 2**63
_NAMES = {
    "CosmicBlock": "block",
    "TriggerBits": "trigger_bits",
    "EventCounter": "event_counter",
    "CounterClocks": "counter_clocks",
    "TDC": "tdc",
}


@dataclass(frozen=True, slots=True)
class Decoding:
    """What has to be known besides. ``epoch``: UTC ns at Timestamp 0; ``clock_mhz``: the TDC's clock."""

    epoch: int = EPOCH_2000
    clock_mhz: float | None = None


@dataclass(frozen=True, slots=True)
class Decoded:
    """``time``: UTC ns, None where the Timestamp says none.

    ``how``: by name of the value, how it was obtained, or why it is not there.
    """

    time: int | None
    values: dict[str, Any]
    how: dict[str, str]


def decoded(event: Event, how: Decoding, received: int) -> Decoded:
    """Decode an event that was received at ``received`` (UTC ns). Never raises.

    Values are ``block``, ``trigger_bits``, ``event_counter``, ``counter_clocks`` and ``tdc_NAME`` for each
    channel, each left out where it is absent or null.
    """
    typed = event.typed
    if typed is None:
        return Decoded(None, {}, {"format": _unknown(event), "time": "receipt: nothing is decoded"})
    values: dict[str, Any] = {}
    said: dict[str, str] = {}
    for key, why in event.wrong.items():
        _say_wrong(key, why, values, said)
    time = _time(typed.Timestamp, how.epoch, received, said)
    if typed.CosmicBlock is not None:
        values["block"] = typed.CosmicBlock
    if typed.TriggerBits is not None:
        values["trigger_bits"] = typed.TriggerBits
    _counter("event_counter", typed.EventCounter, values, said)
    _counter("counter_clocks", typed.CounterClocks, values, said)
    _channels(typed, how.clock_mhz, values, said)
    return Decoded(time, values, said)


def _unknown(event: Event) -> str:
    form = event.raw.get("Format")
    given = "there is no Format" if form is None else f"Format {ascii(form)[:80]} is not known"
    return f"{given}; known: {', '.join(map(str, FORMATS))}. Nothing is decoded: {_RAW_ONLY}"


def _say_wrong(key: str, why: str, values: dict[str, Any], said: dict[str, str]) -> None:
    """Note a value that is of another type than its key says."""
    channel = key.removeprefix("TDC.")
    if channel != key:
        values[f"tdc_{channel}"] = {"valid": False, "reason": why}
    if key == "Timestamp":
        said["time"] = f"receipt: {key}: {why}"
    else:
        said[_NAMES.get(key, f"tdc_{channel}")] = f"{key}: {why}: {_RAW_ONLY}"


def _time(timestamp: float | None, epoch: int, received: int, said: dict[str, str]) -> int | None:
    if timestamp is None:
        said.setdefault("time", "receipt: Timestamp is missing or null")
        return None
    time = epoch + _nanoseconds(timestamp)
    if time <= received + AHEAD and time >= -_LIMIT:
        said["time"] = _since(epoch)
        return time
    inside = -_LIMIT <= time < _LIMIT
    when = (
        f"{instant_text(time)}, more than 30 minutes after receipt" if inside else "no year of 1678 to 2261"
    )
    said["time"] = f"receipt: Timestamp {timestamp} gives {when}"
    return None


def _nanoseconds(seconds: float) -> int:
    whole = int(seconds)  # apart, since a float cannot hold the ns of a century
    return whole * SECOND + round((seconds - whole) * SECOND)


@lru_cache(maxsize=16)
def _since(epoch: int) -> str:
    return f"Timestamp, s since {instant_text(epoch)[:19]}Z"


def _counter(name: str, value: int | None, values: dict[str, Any], said: dict[str, str]) -> None:
    if value is None:
        return
    if not 0 <= value < 1 << 32:
        said[name] = f"{value} has more than 32 bits: {_RAW_ONLY}"
        return
    values[name] = int.from_bytes(value.to_bytes(4, "little"), "big")
    said[name] = _SWAPPED


def _channels(typed: Typed, clock_mhz: float | None, values: dict[str, Any], said: dict[str, str]) -> None:
    if typed.TDC is None:
        return
    for name, channel in typed.TDC.items():
        if channel is not None:
            key = f"tdc_{name}"
            values[key], said[key] = measured(channel, clock_mhz)
