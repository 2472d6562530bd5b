"""Says what became of every reply of a soak, and which promise was broken."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from typing import Any

from labmon_dagster.collector.kinds import kind_of
from labmon_dagster.model.devices import Address, DeviceSettings, Heard, Said
from labmon_dagster.running.instruments import EMULATED
from labmon_dagster_tests.soak.found import Evidence, Judgement
from labmon_dagster_tests.soak.lost import missing
from labmon_dagster_tests.soak.records import (
    GOOD,
    HIDDEN,
    Entry,
    Sent,
)
from labmon_dagster_tests.soak.spoilt import kept_raw

_CLOCKS_NS = 1_000_000_000  # a reply is noted behind its sending, and read before that
_DIGITS, _QUOTED = re.compile(r"\d+(\.\d+)?"), re.compile(r"b?(['\"]).*\1")


def judge(evidence: Evidence) -> Judgement:
    """Compare what was sent, journalled and stored."""
    found = Judgement()
    _count(evidence, found)
    told = {one: understood(one) for one in evidence.journals.entries}
    _documents(evidence, told, found)
    _readings(evidence, told, found)
    _serials(evidence, told, found)
    _quarantine(evidence, told, found)
    found.spoilt = kept_raw(evidence.sent, evidence.spoilt, evidence.journals.entries, evidence.ends)
    found.lost = list(missing(evidence.sent, evidence.asked, evidence.journals.entries, evidence.ends))
    _ledger(evidence, found)
    _sum_up(found)
    return found


def understood(entry: Entry) -> Said | str:
    """Give what an entry says, or why it says nothing."""
    if entry.trouble:
        return entry.trouble
    meta = entry.meta
    settings = DeviceSettings(meta["device"], meta["type"], Address.parse(meta["address"]))
    heard = Heard(entry.payload, entry.received, meta["form"], clock=meta.get("clock"))
    try:
        return kind_of(settings).understand(heard, settings)
    except ValueError as error:
        return str(error)


def serial_of(entry: Entry, said: Said) -> int | None:
    """Give the number of the reply that a document is made of, by its values."""
    module = EMULATED[entry.emulated].emulator.partition(":")[0]
    found: int | None = import_module(f"labmon_dagster.sources.{module}.emulator").serial_in(said.values)
    return found


def _count(evidence: Evidence, found: Judgement) -> None:
    found.replies_sent = len(evidence.sent)
    found.numbered = sum(one.serial is not None for one in evidence.sent)
    found.faults = dict(Counter(one.fault for one in evidence.asked if one.fault != "none"))
    found.unasked_journalled = sum(one.unasked for one in evidence.journals.entries)
    found.polls_journalled = len(evidence.journals.entries) - found.unasked_journalled
    found.torn_lines = len(evidence.journals.torn)
    found.documents = len(evidence.stored.documents)
    found.collections = evidence.stored.collections


def _documents(evidence: Evidence, told: Mapping[Entry, Said | str], found: Judgement) -> None:
    """Each entry that is understood is one document, equal in its values, and there is no other."""
    expected = {entry.identity: (entry, said) for entry, said in told.items() if isinstance(said, Said)}
    there = evidence.stored.documents
    many = Counter(entry.identity for entry, said in told.items() if isinstance(said, Said))
    found.duplicates += [f"{n} entries of one identity: {name}" for name, n in many.items() if n > 1]
    found.understood = len(expected)
    found.undelivered = sorted(set(expected) - set(there))
    found.invented = sorted(set(there) - set(expected))
    for name in set(expected) & set(there):
        wanted = _document(*expected[name])
        is_there = {key: there[name].get(key) for key in wanted}
        extra = set(there[name]) - set(wanted) - {"_id", "time", "timestamp", HIDDEN}
        differing = sorted(extra | {key for key in wanted if is_there[key] != wanted[key]})
        if differing:
            found.altered.append(f"{name}: {', '.join(differing)}")


def _document(entry: Entry, said: Said) -> dict[str, Any]:
    return {
        "time_ns": entry.received,
        "timestamp_ns": entry.received,
        "device": entry.device,
        "type": entry.meta["type"],
        "address": entry.meta["address"],
        "values": {**said.values, **said.details},
        "units": dict(said.units),
        **({"missing": dict(said.missing)} if said.missing else {}),
    }


def _readings(evidence: Evidence, told: Mapping[Entry, Said | str], found: Judgement) -> None:
    """Each understood entry of an asset with readings is one row besides."""
    for table, there in evidence.stored.readings.items():
        wanted = [
            (entry.device, entry.received)
            for entry, said in told.items()
            if entry.asset == f"ricochet/{table}" and isinstance(said, Said)
        ]
        found.readings[table] = len(there)
        for device, time in sorted(set(wanted) ^ set(there)):
            found.readings_off.append(
                f"{table} {device} {time}: {'no row' if (device, time) in wanted else 'a row of nothing'}"
            )
        if len(there) != len(set(there)):
            found.readings_off.append(f"{table}: {len(there) - len(set(there))} rows twice")


def _serials(evidence: Evidence, told: Mapping[Entry, Said | str], found: Judgement) -> None:
    """A reply's number stands in one document at most, and in that of the poll that it was sent to."""
    sent = {(one.device, one.serial): one for one in evidence.sent if one.serial is not None}
    before: dict[str, int] = {}
    seen: set[tuple[str, int]] = set()
    for entry in sorted(told, key=lambda one: one.received):
        said = told[entry]
        serial = serial_of(entry, said) if isinstance(said, Said) else None
        if serial is not None:
            key = (entry.emulated, serial)
            if key in seen:
                found.duplicates.append(f"{entry.identity}: the reply {serial} stands in two documents")
            seen.add(key)
            if why := _not_its_own(entry, sent.get(key), before.get(entry.emulated, 0)):
                found.foreign.append(f"{entry.identity}: the reply {serial} {why}")
        if not entry.unasked:
            before[entry.emulated] = entry.received


def _not_its_own(entry: Entry, sent: Sent | None, before: int) -> str:
    if sent is None:
        return "was never sent"
    if sent.fault not in GOOD:
        return f"was {sent.fault}"
    if not before < sent.at <= entry.received + _CLOCKS_NS:
        return f"was sent {(entry.received - sent.at) / 1e6:.0f} ms before it was received: to another poll"
    return ""


def _quarantine(evidence: Evidence, told: Mapping[Entry, Said | str], found: Judgement) -> None:
    """What is not understood is in quarantine, once, and nothing else is."""
    reasons = {(one.asset, one.day, one.offset): why for one, why in told.items() if isinstance(why, str)}
    reasons |= dict.fromkeys(evidence.journals.torn, "a torn line of the journal")
    found.quarantined = dict(Counter(map(_plain, reasons.values())).most_common())
    pieces = Counter(_where(piece) for piece in evidence.stored.quarantine)
    for where in sorted(set(reasons) | set(pieces)):
        wanted, there = int(where in reasons), pieces[where]
        if wanted != there:
            why = reasons.get(where, "it was understood")
            found.quarantine_off.append(f"{where}: {there} times in quarantine, not {wanted}: {why}")


def _where(piece: Mapping[str, Any]) -> tuple[str, str, int]:
    place = str(piece["place"]).partition(" ")[0]
    return piece["asset"], piece["day"], int(place.rpartition(":")[2])


def _plain(reason: str) -> str:
    return _DIGITS.sub("N", _QUOTED.sub("…", reason))[:120]


def _ledger(evidence: Evidence, found: Judgement) -> None:
    """What the ledger says of the days that have journals."""
    days = {(row["asset"], row["day"]): row for row in evidence.stored.ledger}
    there = Counter((name.rpartition("/")[0].rpartition("/")[0], _day(one)) for name, one in _named(evidence))
    for (asset, day), end in evidence.journals.ends.items():
        row = days.get((asset, day))
        if row is None:
            found.ledger_off.append(f"{asset} {day}: the ledger does not know it")
            continue
        told = {name: row[name] for name in ("in_store", "stale", "proven", "covered", "read_until")}
        found.ledger.setdefault(asset, {})[day] = told
        if row["in_store"] != there[asset, day]:
            counts = f"{row['in_store']} in the ledger, {there[asset, day]} there"
            found.ledger_off.append(f"{asset} {day}: {counts}")
        if row["stale"] or f"[{end}," not in row["read_until"]:
            found.ledger_off.append(f"{asset} {day}: read until {row['read_until']}, the journal has {end}")


def _named(evidence: Evidence) -> Iterator[tuple[str, dict[str, Any]]]:
    yield from evidence.stored.documents.items()


def _day(document: Mapping[str, Any]) -> str:
    return str(document["time"].date())


def _sum_up(found: Judgement) -> None:
    lost = [one for one in found.lost if not one.allowed]
    promises: dict[str, Sequence[object]] = {
        "good replies are in no journal": lost,
        "understood entries are no documents": found.undelivered,
        "documents differ from the journal": found.altered,
        "documents are in no journal": found.invented,
        "replies stand in more than one place": found.duplicates,
        "documents bear the answer to another question": found.foreign,
        "readings do not match the journal": found.readings_off,
        "the quarantine does not match": found.quarantine_off,
        "the ledger does not match": found.ledger_off,
    }
    found.broken += [f"{len(some)} {what}" for what, some in promises.items() if some]
