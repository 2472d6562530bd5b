"""What a soak left in its journals, read by a second reader: plain JSON, none of it labmon's reading.

How each emulated device hides the number of a reply is known here once more, on purpose.
"""

from __future__ import annotations

import base64
import gzip
import json
import re
import struct
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_MODULE = re.compile(rb"\d\.\d{3}(\d{9})E\+01")
_TEXTS = {
    "mmr3": _MODULE,
    "mgc3": _MODULE,
    "cpx200": re.compile(rb"\d\.\d\d(\d{5})V"),
    "mp710508": re.compile(rb"\d\.\d{3}(\d{5})(?!\d)"),
    "mmr3-page": re.compile(rb"Resistance 1</td><td>\d+\.\d(\d{5})<"),
    "mgc3-page": re.compile(rb"Measured 1</td><td>\d+\.\d{4}(\d{5})<"),
    "cryo": re.compile(rb"Mixing chamber temperature</td><td>\d+\.\d{4}(\d{5})<"),
}
_FLOATS = {
    "json-cryo": (re.compile(rb'"MIXING CHAMB_Conv": (\d+\.\d+)'), 9),
    "json-cmcpa": (re.compile(rb'"coolant_in_temperature": \{\s*"value": (\d+\.\d+)'), 7),
    "json-scale": (re.compile(rb'"mass": \{\s*"value": (\d+\.\d+)'), 8),
}
_WORD_11 = 9 + 2 * 10  # of a Modbus reply: head, then the words
_RECORD, _SPREAD, _COUNTED = 62, 46, 2.0**-40  # of a MES1 message


@dataclass(frozen=True, slots=True)
class Line:
    """A message in a journal."""

    asset: str
    device: str
    received: int
    payload: bytes
    meta: Mapping[str, Any]


@dataclass(slots=True)
class Journals:
    """Messages by device; ``torn``: files and places of lines that are no JSON, or have no end."""

    devices: defaultdict[str, list[Line]] = field(default_factory=lambda: defaultdict(list))
    torn: list[str] = field(default_factory=list)

    @property
    def count(self) -> int:
        """How many messages there are."""
        return sum(len(lines) for lines in self.devices.values())


def journals(root: Path) -> Journals:
    """Read every journal below a folder."""
    found = Journals()
    for path in sorted(root.rglob("*.jsonl*")):
        raw = path.read_bytes()
        for number, line in enumerate(_lines(gzip.decompress(raw) if path.suffix == ".gz" else raw)):
            told = _told(line)
            if told is None:
                found.torn.append(f"{path.name}, line {number + 1}: {line[:80]!r}")
            elif "labmon_journal" not in told:
                meta = told["meta"]
                one = Line(
                    str(path.parent.relative_to(root)), meta["device"], told["received"], _payload(told), meta
                )
                found.devices[one.device].append(one)
    return found


def _lines(raw: bytes) -> Iterator[bytes]:
    yield from (
        raw.splitlines(keepends=True) if b"\r" not in raw else (one + b"\n" for one in raw.split(b"\n"))
    )


def _told(line: bytes) -> dict[str, Any] | None:
    if not line.endswith(b"\n"):
        return None
    try:
        told = json.loads(line)
    except ValueError:
        return None
    return told if isinstance(told, dict) else None


def _payload(told: Mapping[str, Any]) -> bytes:
    return told["text"].encode() if "text" in told else base64.b64decode(told["base64"])


def serials(name: str, payload: bytes) -> list[int]:
    """Every number of a reply of the emulated device ``name`` that stands in a payload."""
    if name == "cmcpa":
        word = payload[_WORD_11 : _WORD_11 + 2]
        return [int.from_bytes(word, "big")] if len(word) == 2 else []
    if name in _FLOATS:
        pattern, digits = _FLOATS[name]
        return [round(float(found) * 10**digits) % 100_000 for found in pattern.findall(payload)]
    return [int(found) for found in _TEXTS[name].findall(payload)]


def pushed(payload: bytes) -> int | None:
    """The number of a MES1 message; None if its records do not agree, or it is none."""
    if not payload or len(payload) % _RECORD:
        return None
    places = range(_SPREAD, len(payload), _RECORD)
    found = {round(struct.unpack_from("<d", payload, at)[0] / _COUNTED) % 2**32 for at in places}
    return found.pop() if len(found) == 1 else None


@dataclass(slots=True)
class Tally:
    """What was sent against what is kept, by number: ``lost`` was sent and is not there."""

    sent: int = 0
    kept: int = 0
    twice: int = 0
    lost: int = 0
    unknown: int = 0

    @classmethod
    def of(cls, sent: Sequence[int], kept: Sequence[int]) -> Tally:
        """Compare."""
        there, given = Counter(kept), Counter(sent)
        return cls(
            len(sent),
            len(kept),
            sum((there - Counter(dict.fromkeys(there, 1))).values()),
            sum((given - there).values()),
            len(set(there) - set(given)),
        )
