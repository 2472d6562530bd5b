"""Bad replies of a soak: how many of them stand in a journal as they came, and why the others do not."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from labmon_dagster.running.instruments import EMULATED
from labmon_dagster_tests.soak.lost import End
from labmon_dagster_tests.soak.records import Entry, Sent, Spoilt, body_of


@dataclass(slots=True)
class Spoiled:
    """Replies of one kind of fault: how many were sent, how many of them stand in a journal raw.

    ``closed``: late on a TCP connection that nobody held open; ``without_number``: late, and cannot be told
    from others; ``others``: which are in no journal else.
    """

    sent: int = 0
    journalled: int = 0
    closed: int = 0
    without_number: int = 0
    others: list[str] = field(default_factory=list)

    def count(self, one: Sent | Spoilt, journalled: bool, ends: Sequence[End]) -> None:
        """Count a reply; say where and when one was sent that is not journalled and should be."""
        self.sent += 1
        if journalled:
            self.journalled += 1
        elif isinstance(one, Sent) and EMULATED[one.device].scheme != "udp":
            self.closed += 1
        elif isinstance(one, Sent) and one.serial is None:
            self.without_number += 1
        else:
            self.others.append(_where(one, ends))


def kept_raw(
    sent: Sequence[Sent], spoilt: Sequence[Spoilt], entries: Sequence[Entry], ends: Sequence[End]
) -> dict[str, Spoiled]:
    """Count late and spoilt replies by their fault."""
    raw: defaultdict[str, set[bytes]] = defaultdict(set)
    serials: defaultdict[str, set[int]] = defaultdict(set)
    found: defaultdict[str, Spoiled] = defaultdict(Spoiled)
    for entry in entries:
        raw[entry.emulated].update(entry.answers)
        serials[entry.emulated] |= entry.serials()
    for one in spoilt:
        found[one.fault].count(one, body_of(one) in raw[one.device], ends)
    for late in sent:
        if late.fault == "late":
            found["late"].count(late, late.serial in serials[late.device], ends)
    return dict(found)


def _where(one: Sent | Spoilt, ends: Sequence[End]) -> str:
    end = next((end for end in ends if end.at >= one.at), None)
    before = f"{(end.at - one.at) / 1e6:.0f} ms before the collector ended" if end else "no end after it"
    what = f"{len(one.payload)} bytes" if isinstance(one, Spoilt) else f"number {one.serial}"
    return f"{one.device} at {one.at}, {what}, {before}"
