"""Detector events: their text decoded, made into documents, and found in a dump, against plain Python."""

from __future__ import annotations

import gc
import hashlib
import json
from datetime import UTC, datetime, timedelta
from typing import Any

from benchmarks.pairs import Pair
from labmon_dagster.sources.cosmic import Decoding, Receipt, Scanner, document_of, read_event
from labmon_dagster.sources.cosmic.event import repaired
from labmon_dagster.sources.cosmic.formats import typed

EVENTS = 100_000
_PORTION = 1 << 20
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_RECEIVED = 1_790_000_000 * 10**9
_LINE = (
    '["Epoch": {epoch}, "CounterClocks": {clocks}, "DetectorId": {detector}, "RunNumber": 12345, '
    '"TriggerCounter": null, "EventCounter": {counter}, "ClockCount": null, "Format": 1, "EventNumber": {n}, '
    '"TDC": {{"1": {{"Calib": [null, null], "Data": 5112064, "Calib1": 3521728, "Calib2": 12407809}}, '
    '"0": {{"Calib": [null, null], "Data": {data}, "Calib1": 15075584, "Calib2": 15360512}}}}, '
    '"Timestamp": {time}, "TriggerBits": {bits}, "CosmicBlock": 2}}\n'
)


def make_dump(events: int = EVENTS) -> bytes:
    """A dump as the detectors write it, one event a line."""
    return "".join(
        _LINE.format(
            epoch=4009558015 - n,
            clocks=2764593408 + n,
            detector=n % 7,
            counter=int.from_bytes(n.to_bytes(4, "big"), "little"),
            n=n,
            data=6554112 + n % 1000,
            time=622234535 + n // 10,
            bits=(71, 16)[n % 2],
        )
        for n in range(events)
    ).encode()


def pairs() -> list[Pair]:
    """Decoding a line; the whole way from a line to a document; finding the events of a dump."""
    dump = make_dump()
    lines = dump.splitlines()
    gc.collect()
    gc.freeze()
    return [*_decoding(lines), _scanning(dump)]


def _decoding(lines: list[bytes]) -> list[Pair]:
    texts = [b"{" + line[1:] for line in lines]
    receipt, decoding = Receipt(_RECEIVED, "file", "dump.dat"), Decoding()

    def decode() -> float:
        for line in lines:
            typed(repaired(line), 1)
        return EVENTS / 1000

    def loads() -> float:
        for text in texts:
            json.loads(text)
        return EVENTS / 1000

    def documents() -> float:
        for place, line in enumerate(lines):
            document_of(read_event(line), decoding, receipt, 0, place)
        return EVENTS / 1000

    def dicts() -> float:
        for line in lines:
            by_hand(line)
        return EVENTS / 1000

    return [
        Pair("COSMIC line to typed event", "json.loads of the mended line", decode, loads, "kevents", 3.0),
        Pair("COSMIC line to document", "the same by hand, unchecked", documents, dicts, "kevents", 0.5),
    ]


def _scanning(dump: bytes) -> Pair:
    def scan() -> float:
        scanner = Scanner()
        found = sum(1 for at in range(0, len(dump), _PORTION) for _ in scanner.feed(dump[at : at + _PORTION]))
        assert found == EVENTS
        return len(dump) / 1e6

    def split() -> float:
        found = sum(line[:1] == b"[" and line[-1:] == b"}" for line in dump.splitlines())
        assert found == EVENTS
        return len(dump) / 1e6

    return Pair("events found in a COSMIC dump", "splitlines, [ and } looked at", scan, split, "MB", 0.25)


def by_hand(line: bytes) -> dict[str, Any]:
    """What one would write: an event as a dict for MongoDB, with nothing checked."""
    raw = json.loads(line.replace(b"[", b"{", 1))
    digest = hashlib.sha256(json.dumps(raw, sort_keys=True).encode()).hexdigest()[:16]
    tdc = {}
    for name, channel in raw["TDC"].items():
        data, calib1, calib2 = (_swapped(channel[key], 3) for key in ("Data", "Calib1", "Calib2"))
        if calib1 and 9.9 < calib2 / calib1 < 10.1:
            count = (calib2 - calib1) / 9
            tdc[name] = {"count": count, "time": data / count}
    return {
        "_id": f"{raw['DetectorId']}/{raw['RunNumber']}/{raw['EventNumber']}/{digest}",
        "time": _EPOCH + timedelta(seconds=raw["Timestamp"]),
        "counter": _swapped(raw["EventCounter"], 4),
        "tdc": tdc,
        "raw": raw,
    }


def _swapped(value: int, size: int) -> int:
    return int.from_bytes(value.to_bytes(size, "little"), "big")
