"""Good replies of a soak that no journal has: which of them a kill of the collector explains."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from labmon_dagster_tests.soak.records import GOOD, Asked, Entry, Sent

FLUSH_MS = 200.0
_TIMEOUT_MS, _GRACE_MS, _SLOW_MS = 1000.0, 3000.0, 300.0
_SAME_POLL_NS = 500_000_000  # a poll is noted as received behind its first or its last answer


@dataclass(frozen=True, slots=True)
class End:
    """When the collector was killed, or stopped in the end (UTC ns)."""

    at: int
    killed: bool = True


@dataclass(frozen=True, slots=True)
class Lost:
    """A good reply that no journal has; ms from it, and from the device's last reply, to the next end."""

    device: str
    serial: int
    sent: int
    fault: str
    before_end_ms: float | None
    last_reply_ms: float | None
    allowed: bool
    why: str


@dataclass(slots=True)
class _Device:
    """What is known of one device, in order of time (UTC ns)."""

    received: list[int]
    sent: list[int]
    asked: list[Asked]
    journalled: set[int]


def missing(
    sent: Sequence[Sent], asked: Sequence[Asked], entries: Sequence[Entry], ends: Sequence[End]
) -> Iterator[Lost]:
    """Give the good numbered replies that stand in no journal."""
    devices: defaultdict[str, _Device] = defaultdict(lambda: _Device([], [], [], set()))
    for entry in sorted(entries, key=lambda one: one.received):
        devices[entry.emulated].journalled |= entry.serials()
        if not entry.unasked:
            devices[entry.emulated].received.append(entry.received)
    for reply in sorted(sent, key=lambda one: one.at):
        devices[reply.device].sent.append(reply.at)
    for request in sorted(asked, key=lambda one: one.at):
        devices[request.device].asked.append(request)
    for one in sent:
        if one.fault in GOOD and one.serial is not None and one.serial not in devices[one.device].journalled:
            yield _judged(one, one.serial, devices[one.device], ends)


def _judged(one: Sent, serial: int, device: _Device, ends: Sequence[End]) -> Lost:
    """Say whether a kill explains that a reply is in no journal."""
    end = next((end.at for end in ends if end.at >= one.at), None)
    if end is None:
        return Lost(one.device, serial, one.at, one.fault, None, None, False, "the collector went on")
    last = (end - device.sent[bisect_right(device.sent, end) - 1]) / 1e6
    allowance = FLUSH_MS + _waited_for(device.asked, end)
    allowed, why = True, "the poll was under way, or not flushed yet"
    if last > allowance:
        allowed = False
        why = f"the device's last reply was {last:.0f} ms before the end; at most {allowance:.0f} are allowed"
    later = bisect_left(device.received, end) - bisect_right(device.received, one.at + _SAME_POLL_NS)
    if later > 0:
        allowed, why = False, "what came after it was journalled"
    before = round((end - one.at) / 1e6, 1)
    return Lost(one.device, serial, one.at, one.fault, before, round(last, 1), allowed, why)


def _waited_for(asked: Sequence[Asked], end: int) -> float:
    """How long (ms) the collector may have waited for the answer to its last question before an end."""
    at = bisect_right([one.at for one in asked], end) - 1
    fault = asked[at].fault if at >= 0 else "none"
    if fault == "slow":
        return _SLOW_MS
    return 0.0 if fault in GOOD else _TIMEOUT_MS + _GRACE_MS
