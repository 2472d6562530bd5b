"""Documents of events in the lab's store, landed as runs land them, and the feed that counts them."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from datetime import date
from typing import Any, NamedTuple

from labmon_dagster import settings
from labmon_dagster.components import EventRates, Feed
from labmon_dagster.landing import Delivery, DocumentLanding
from labmon_dagster.model import DAY, SECOND, Mark
from labmon_dagster.model.documents import Document, DocumentBatch, Documents
from labmon_dagster.model.window import day_number, day_of

ASSET, COLLECTION = "cosmic/events", "cosmic_events"
FIRST = date(2026, 3, 1)
START = day_number(FIRST) * DAY
MINUTE = 60 * SECOND
NOW = START + 5 * DAY
RATES = {
    "asset": "cosmic/rates",
    "events": ASSET,
    "collection": COLLECTION,
    "measurement": "cosmic_rates",
    "start": str(FIRST),
}


class Event(NamedTuple):
    """An event; ``minute`` after `START` it happened, on the day ``received`` after that it came."""

    number: int
    minute: int = 0
    detector: int = 0
    run: int = 1
    bits: int | None = 1
    block: int | None = None
    received: int = 0

    @property
    def document(self) -> Document:
        body = {
            "detector": self.detector,
            "run": self.run,
            "number": self.number,
            "trigger_bits": self.bits,
            "block": self.block,
        }
        order = START // DAY + self.received
        return Document(
            str(tuple(self)), START + self.minute * MINUTE + self.number, body, order, self.number
        )


def rates(**changes: Any) -> Feed:
    """The feed that counts."""
    return EventRates.model_validate({**RATES, **changes}).feed()


def keep(events: Sequence[Event], now: int = NOW) -> None:
    """Store events as runs do that read the days they came on."""
    with closing(settings.open_documents()) as store:
        for received in sorted({one.received for one in events}):
            day = day_of(START + received * DAY)
            own = tuple(one.document for one in events if one.received == received)
            batch = DocumentBatch(COLLECTION, own, str(day), Mark(now + len(own)))
            delivery = Delivery(
                ASSET,
                COLLECTION,
                (day,),
                whole=False,
                by_receipt=True,
                by_content=True,
                stream_of=date.isoformat,
            )
            DocumentLanding(store, delivery, now).land(Documents(iter([batch])))
