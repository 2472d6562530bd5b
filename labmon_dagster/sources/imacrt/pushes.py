"""What a module says unasked: binary MES1 messages of an MMR3, and lines of text."""

from __future__ import annotations

import math
import re
import struct
from typing import TypeAlias

from labmon_dagster.model.devices import Said, Value
from labmon_dagster.sources.imacrt.quantities import MMR3, Table
from labmon_dagster.sources.imacrt.text import NotFiniteError, value_of

Frame: TypeAlias = dict[str, int | float]
"""One record of a MES1 message, with all that its 62 bytes say; ``channel`` counts from 0."""
_FRAME = struct.Struct("<BBHBBIHH6d")
_NAMES = (
    "id",
    "channel",
    "samples",
    "current_range_index",
    "voltage_range_index",
    "device_seconds",
    "device_milliseconds",
    "status",
    "excitation_current",
    "adc_delay",
    "resistance",
    "resistance_sum_of_squares",
    "resistance_peak_to_peak",
    "temperature",
)
_OF_MODULE = {"id", "channel", "device_seconds", "device_milliseconds"}
_CHANNELS = 3
_VALUE_NAMES = [
    {name: f"{name}_{n + 1}" for name in _NAMES if name not in _OF_MODULE} for n in range(_CHANNELS)
]
_LONGEST_ANSWER = 24  # of a number, with any number of digits a double can have
_LINE = re.compile(rb"\s*[0-9]+;")
_PARTS = 3
_TEXT = re.compile(rb"[ -~\t\r\n]*\0*")  # as some modules fill the rest of a buffer


def is_push(payload: bytes) -> bool:
    """Whether a datagram is no answer to a query, by its look; a message that was cut short has it too."""
    return _is_binary(payload) or _LINE.match(payload) is not None


def understand_push(payload: bytes, table: Table) -> Said:
    """Understand a message that nobody asked for. Raises ValueError for what is none."""
    if _is_binary(payload):
        if table is not MMR3:
            raise ValueError(f"a binary message of {len(payload)} bytes; a {table.type} sends none")
        return _of_frames(frames(payload))
    if _LINE.match(payload):
        return _of_lines(payload, table)
    raise ValueError(f"{payload[:32]!r} is no message of a {table.type}: neither MES1 nor 'index;name;value'")


def frames(payload: bytes) -> list[Frame]:
    """Cut a MES1 message into its records of 62 bytes. Raises ValueError if that leaves a rest."""
    if not payload or len(payload) % _FRAME.size:
        raise ValueError(f"a MES1 message has N × {_FRAME.size} bytes; this one has {len(payload)}")
    found = [dict(zip(_NAMES, record, strict=True)) for record in _FRAME.iter_unpack(payload)]
    for frame in found:
        if frame["channel"] >= _CHANNELS:
            raise ValueError(f"a MES1 record of channel {frame['channel']}; expected 0, 1 or 2")
        if frame["samples"] == 0:
            raise ValueError("a MES1 record of 0 samples, which says nothing")
    return found


def _is_binary(payload: bytes) -> bool:
    binary = len(payload) > _LONGEST_ANSWER and payload[1] < _CHANNELS
    return binary and _TEXT.fullmatch(payload) is None


def _of_frames(found: list[Frame]) -> Said:
    values: dict[str, Value] = {}
    missing: dict[str, str] = {}
    for frame in {int(frame["channel"]): frame for frame in found}.values():
        for name, ours in _VALUE_NAMES[int(frame["channel"])].items():
            if math.isfinite(frame[name]):
                values[ours] = frame[name]
            else:
                missing[ours] = f"the device says {frame[name]}"
    values |= {name: found[-1][name] for name in ("device_seconds", "device_milliseconds")}
    records = [_finite(place, frame, missing) for place, frame in enumerate(found)]
    return Said(values, MMR3.units_of(values), missing, {"frames": records})


def _finite(place: int, frame: Frame, missing: dict[str, str]) -> Frame:
    """Leave out of a record what is not finite, and say so."""
    lacking = [name for name, value in frame.items() if not math.isfinite(value)]
    missing |= {f"frames[{place}].{name}": f"the device says {frame[name]}" for name in lacking}
    return {name: value for name, value in frame.items() if name not in lacking} if lacking else frame


def _of_lines(payload: bytes, table: Table) -> Said:
    payload = payload.rstrip(b"\0")
    if not payload.endswith(b"\n"):
        raise ValueError(f"a line that was cut short: {payload[-32:]!r} has no newline")
    quantities = {quantity.index: quantity.field for quantity in table.quantities}
    values: dict[str, Value] = {}
    missing: dict[str, str] = {}
    lines = []
    for index, label, text in map(_parts, payload[:-1].split(b"\n")):
        field = quantities.get(index)
        if field is None:
            raise ValueError(f"index {index}; a {table.type} has 0 to {len(quantities) - 1}")
        values.pop(field.name, None)
        missing.pop(field.name, None)
        try:
            values[field.name] = value_of(text, field.type)
        except NotFiniteError as error:
            missing[field.name] = str(error)
        lines.append({"index": index, "name": label, "value": text.decode().strip()})
    return Said(values, table.units_of(values), missing, {"lines": lines})


def _parts(line: bytes) -> tuple[int, str, bytes]:
    parts = line.split(b";")
    index = parts[0].strip()
    if len(parts) != _PARTS or not (index.isdigit() and len(index) <= _PARTS):
        raise ValueError(f"the line {line[:64]!r}; expected index;name;value")
    try:
        return int(index), parts[1].decode().strip(), parts[2]
    except UnicodeDecodeError:
        raise ValueError(f"the line {line[:64]!r} is no text") from None
