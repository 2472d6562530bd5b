"""What a soak left behind, read by a second reader: logs and journals as plain JSON, MongoDB by pymongo.

Nothing here is labmon's own reading. Only how each emulator hides the number of a reply is known here.
"""

from __future__ import annotations

import base64
import gzip
import json
import re
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import urlsplit

from pymongo import MongoClient

Record: TypeAlias = dict[str, Any]
GOOD = frozenset({"none", "slow", "alarm"})
FAULTS = frozenset({*GOOD, "silence", "garbage", "half", "wrong-length", "late", "disconnect"} - {"none"})
HIDDEN = "_labmon"
READINGS = ("compressor", "cryostat", "imacrt", "power_supplies", "scale")
"""Tables of readings, made of the journals of these names."""
_OWN = "labmon_"
_WORD_11 = 9 + 2 * 10  # of a Modbus reply: head, then the words
_NUMBERS = {
    "mmr3": re.compile(rb"\d\.\d{3}(\d{9})E\+01"),
    "mgc3": re.compile(rb"\d\.\d{3}(\d{9})E\+01"),
    "cpx200": re.compile(rb"\d\.\d\d(\d{5})V"),
    "mp710508": re.compile(rb"\d\.\d{3}(\d{5})(?!\d)"),
    "cryo": re.compile(rb"Mixing chamber temperature</td><td>\d+\.\d{4}(\d{5})<"),
}
_MASS = re.compile(rb'"mass": \{\s*"value": (\d+\.\d+)')


@dataclass(frozen=True, slots=True)
class Sent:
    """A reply that an emulator sent; ``serial`` is None where it carries none."""

    device: str
    serial: int | None
    at: int
    fault: str


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that came to an emulator, and the fault that its reply was to have."""

    device: str
    at: int
    fault: str


@dataclass(frozen=True, slots=True)
class Spoilt:
    """A reply that was garbage, cut short or too long."""

    device: str
    payload: bytes
    at: int
    fault: str


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """A line of a journal. ``emulated`` is the emulator's name for the device."""

    asset: str
    day: str
    offset: int
    emulated: str
    received: int
    payload: bytes
    meta: Mapping[str, Any]

    @property
    def device(self) -> str:
        """The device's name in the YAML."""
        return str(self.meta["device"])

    @property
    def trouble(self) -> str:
        """Why it is not to be believed."""
        return str(self.meta.get("trouble", ""))

    @property
    def unasked(self) -> bool:
        """Whether it came to no question: late, or twice."""
        return self.meta["form"] == "unasked" or "asked for" in self.trouble

    @property
    def identity(self) -> str:
        """The `_id` that its document is to have."""
        return f"{self.asset}/{self.device}/{self.received}"

    @property
    def answers(self) -> Iterator[bytes]:
        """What of it may be one answer."""
        yield self.payload
        if self.meta["form"] == "exchange":
            for one in json.loads(self.payload):
                if "error" not in one:
                    yield _payload(one)

    def serials(self) -> set[int]:
        """Every number of a reply that stands in its raw bytes, understood or not."""
        if self.emulated == "cmcpa":
            word = self.payload[_WORD_11 : _WORD_11 + 2]
            return {int.from_bytes(word, "big")} if len(word) == 2 else set()
        if self.emulated == "json-scale":
            return {round(float(found) * 1e8) % 100_000 for found in _MASS.findall(self.payload)}
        return {int(found) for found in _NUMBERS[self.emulated].findall(self.payload)}


@dataclass(slots=True)
class Journals:
    """All journals: entries in the order of their files, and offsets of lines that are no JSON."""

    entries: list[Entry] = field(default_factory=list)
    torn: set[tuple[str, str, int]] = field(default_factory=set)
    ends: dict[tuple[str, str], int] = field(default_factory=dict)


@dataclass(slots=True)
class Stored:
    """What the stores hold: documents by `_id`, labmon's own books, device and time of readings by table."""

    documents: dict[str, Record] = field(default_factory=dict)
    collections: dict[str, int] = field(default_factory=dict)
    quarantine: list[Record] = field(default_factory=list)
    ledger: list[Record] = field(default_factory=list)
    readings: dict[str, list[tuple[str, int]]] = field(default_factory=dict)


def replies(path: Path) -> list[Sent]:
    """Read the emulators' log of what they sent."""
    return [
        Sent(one["device"].partition(":")[0], one["serial"], one["sent"], one["fault"])
        for one in _lines(path)
    ]


def requests(path: Path) -> tuple[list[Asked], list[Spoilt]]:
    """Read the log of what the emulators were asked, and what they spoilt."""
    asked: list[Asked] = []
    spoilt: list[Spoilt] = []
    for one in _lines(path):
        if "asked" in one:
            asked.append(Asked(one["device"], one["asked"], one["fault"]))
        elif one["spoilt"]:  # an empty datagram is never sent
            spoilt.append(Spoilt(one["device"], base64.b64decode(one["spoilt"]), one["at"], one["fault"]))
    return asked, spoilt


def body_of(spoilt: Spoilt) -> bytes:
    """Give what of a spoilt reply may stand in a journal: of an HTTP answer, its body."""
    head, blank, body = spoilt.payload.partition(b"\r\n\r\n")
    return body if blank and head.startswith(b"HTTP/") else spoilt.payload


def journals(root: Path, emulated: Mapping[int, str]) -> Journals:
    """Read every journal. ``emulated``: port of a device → its emulator's name."""
    found = Journals()
    for folder in sorted({path.parent for path in root.rglob("*.jsonl*")}):
        asset = str(folder.relative_to(root))
        for day in sorted({path.name[:10] for path in folder.glob("*.jsonl*")}):
            _read_day(found, folder, asset, day, emulated)
    return found


def _read_day(found: Journals, folder: Path, asset: str, day: str, emulated: Mapping[int, str]) -> None:
    lines: dict[int, bytes] = {}
    for path in (folder / f"{day}.jsonl.gz", folder / f"{day}.jsonl"):
        if path.exists():
            content = path.read_bytes()
            lines |= _by_offset(gzip.decompress(content) if path.suffix == ".gz" else content)
    for offset, raw in sorted(lines.items()):
        found.ends[asset, day] = offset + len(raw)
        try:
            told = json.loads(raw)
        except ValueError:
            found.torn.add((asset, day, offset))
            continue
        if "labmon_journal" in told:
            continue
        name = emulated[urlsplit(told["meta"]["address"]).port or 0]
        entry = Entry(asset, day, offset, name, told["received"], _payload(told), told["meta"])
        found.entries.append(entry)


def _by_offset(content: bytes) -> dict[int, bytes]:
    """Cut into whole lines by the byte of the day at which they begin; a header says where the file does."""
    head = content.partition(b"\n")[0]
    start = json.loads(head).get("continues", 0) if head else 0
    found = {}
    for raw in content.split(b"\n")[:-1]:  # what is behind the last newline is no line yet
        found[start] = raw + b"\n"
        start += len(raw) + 1
    return found


def _payload(told: Mapping[str, Any]) -> bytes:
    return told["text"].encode() if "text" in told else base64.b64decode(told["base64"])


def _lines(path: Path) -> Iterator[Record]:
    with path.open() as file:
        for line in file:
            if line.endswith("\n"):
                yield json.loads(line)


def stored(url: str, database: str, readings: Path) -> Stored:
    """Read everything in MongoDB, and whose readings are in the file of readings."""
    found = Stored()
    with MongoClient[Record](url, tz_aware=True) as client:
        mongo = client[database]
        for name in mongo.list_collection_names():
            if not name.startswith((_OWN, "system.")):
                some = list(mongo[name].find())
                found.collections[name] = len(some)
                _add(found.documents, some)
        found.quarantine = list(mongo[f"{_OWN}quarantine"].find())
        found.ledger = list(mongo[f"{_OWN}ledger"].find({}, {"_id": 0}))
    with closing(sqlite3.connect(f"file:{readings}?mode=ro", uri=True)) as file:
        found.readings = {
            name: file.execute(f"SELECT device, time FROM {name}").fetchall() for name in READINGS
        }
    return found


def _add(documents: dict[str, Record], some: Iterable[Record]) -> None:
    for one in some:
        if one["_id"] in documents:
            raise ValueError(f"{one['_id']} stands in two collections")
        documents[one["_id"]] = one
