"""Modbus/TCP frames (ADUs) of a compressor: the one query that is sent, and what a reply must look like.

Source: the maker's sample programs for CPA compressors. Register 30001 of the panel is Modbus address 1.
"""

from __future__ import annotations

import struct

from labmon_dagster.model.devices import SwitchingError

FORM = "modbus"
FIRST = 1
COUNT = {"2": 53, "3": 55}
"""How many registers are read, by the major version of the firmware."""

_READ = 4
_REFUSED = 0x80 | _READ
_HEAD = 9  # transaction, protocol, length, unit, function, number of bytes
_QUERY = struct.Struct(">HHHBBHH")
_EXCEPTIONS = {
    1: "illegal function",
    2: "illegal data address",
    3: "illegal data value",
    4: "device failure",
    5: "acknowledge",
    6: "device busy",
    8: "memory parity error",
    10: "gateway path unavailable",
    11: "gateway target failed to respond",
}


def registers_query(count: int = COUNT["2"], unit: int = 1, transaction: int = 0x0999) -> bytes:
    """Give the query (12 bytes) for ``count`` input registers from 30001 on."""
    return _QUERY.pack(transaction, 0, 6, unit, _READ, FIRST, count)


def checked_query(frame: bytes) -> bytes:
    """Give a frame back if it only reads input registers. Raises SwitchingError for any other."""
    if len(frame) != _QUERY.size or frame[7] != _READ:
        told = f"function {frame[7]}" if len(frame) > 7 else f"{len(frame)} bytes"
        raise SwitchingError(f"Modbus {told} is not sent: compressors are only read, by function {_READ}")
    return frame


def is_whole(heard: bytes, query: bytes) -> bool:
    """Say whether all of the reply to ``query`` is there. Raises ValueError once it cannot be that reply."""
    if heard[:4] != query[: min(4, len(heard))]:
        raise ValueError(f"transaction and protocol are {heard[:4].hex()}, expected {query[:4].hex()}")
    if len(heard) < _HEAD:
        return False
    if heard[6] != query[6]:
        raise ValueError(f"unit {heard[6]} answered, expected {query[6]}")
    size = _size(heard[7], int.from_bytes(query[10:12], "big"))
    if (told := int.from_bytes(heard[4:6], "big") + 6) != size:
        raise ValueError(f"the reply says that it has {told} bytes, expected {size}")
    if heard[7] == _READ and heard[8] != size - _HEAD:
        raise ValueError(f"the reply says that it has {heard[8]} bytes of registers, expected {size - _HEAD}")
    if len(heard) > size:
        raise ValueError(f"{len(heard)} bytes came, expected {size}")
    return len(heard) == size


def registers(frame: bytes) -> tuple[int, ...]:
    """Give the registers that a whole reply holds. Raises ValueError, also for an exception reply."""
    if len(frame) < _HEAD:
        raise ValueError(f"{len(frame)} bytes are no Modbus/TCP reply, expected at least {_HEAD}")
    protocol, length = struct.unpack_from(">HH", frame, 2)
    if protocol:
        raise ValueError(f"protocol {protocol} is not Modbus, expected 0")
    if length != len(frame) - 6:
        raise ValueError(f"the length field says {length}, expected {len(frame) - 6} for {len(frame)} bytes")
    _check_function(frame)
    data = frame[_HEAD:]
    if frame[8] != len(data) or len(data) % 2:
        raise ValueError(f"the byte count says {frame[8]}, and {len(data)} bytes of registers are there")
    return struct.unpack(f">{len(data) // 2}H", data)


def _check_function(frame: bytes) -> None:
    if frame[7] == _REFUSED:
        name = _EXCEPTIONS.get(frame[8], "of no known name")
        raise ValueError(f"the compressor answered with Modbus exception {frame[8]} ({name})")
    if frame[7] != _READ:
        raise ValueError(f"function {frame[7]} in the reply, expected {_READ}")


def _size(function: int, count: int) -> int:
    if function == _REFUSED:
        return _HEAD
    if function != _READ:
        raise ValueError(f"function {function} in the reply, expected {_READ}")
    return _HEAD + 2 * count
