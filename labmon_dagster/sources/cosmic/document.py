"""An event as a document: its numbers, what was decoded, the event as it came, and how it was received."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from labmon_dagster.model.documents import Document
from labmon_dagster.model.window import moment
from labmon_dagster.sources.cosmic.decode import Decoding, decoded
from labmon_dagster.sources.cosmic.event import Event

BY_TIMESTAMP, BY_RECEIPT = "Timestamp", "receipt"


@dataclass(frozen=True, slots=True)
class Receipt:
    """How an event came. ``received``: UTC ns; ``via``: "mqtt" or "file"; ``source``: topic or file name.

    ``retained``: the broker had kept the message. ``detector``: the one its topic names.
    """

    received: int
    via: str
    source: str
    retained: bool = False
    detector: int | None = None


def document_of(event: Event, decoding: Decoding, receipt: Receipt, order: int, place: int) -> Document:
    """Make the document of an event; equal events have one id, whenever and however they came.

    Its time is that of the event, or of receipt: ``timed_by`` says which, ``how.time`` why. ``order`` and
    ``place``: where it stands among those received.
    """
    found = decoded(event, decoding, receipt.received)
    values = found.values
    body: dict[str, Any] = {
        "format": event.format,
        "detector": event.detector,
        "run": event.run,
        "number": event.number,
        "block": values.pop("block", None),
        "trigger_bits": values.pop("trigger_bits", None),
        "timed_by": BY_RECEIPT if found.time is None else BY_TIMESTAMP,
        "raw": event.raw,
        "decoded": values,
        "how": found.how,
        "receipt": _receipt(event, receipt),
    }
    time = receipt.received if found.time is None else found.time
    known_by = f"{event.detector}/{event.run}/{event.number}/{event.digest}"
    return Document(known_by, time, body, order, place)


def _receipt(event: Event, receipt: Receipt) -> dict[str, Any]:
    said: dict[str, Any] = {
        "received": moment(receipt.received // 1000 * 1000),  # a datetime has no ns
        "via": receipt.via,
        "source": receipt.source,
        "retained": receipt.retained,
    }
    if receipt.detector is not None and receipt.detector != event.detector:
        said["detector"] = receipt.detector
    return said
