"""The asset of events over a folder of the test: what is journalled of it, and what a run makes of that."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

from labmon_dagster import settings
from labmon_dagster.collector.station import meta_of
from labmon_dagster.components import CosmicEvents, Feed
from labmon_dagster.events.dumps import DumpFolder
from labmon_dagster.journal import Entry, Journal
from labmon_dagster.model.devices import Address, DeviceSettings, Heard
from labmon_dagster.stores import Quarantined
from labmon_dagster_tests.sources.cosmic.sample import LINES

ASSET, COLLECTION = "cosmic/events", "cosmic_events"
GIVEN: dict[str, Any] = {"asset": ASSET, "collection": COLLECTION, "start": "2026-01-01"}
BROKER = DeviceSettings("broker", "MQTT", Address.parse("mqtt://127.0.0.1"))
SECOND = 10**9


def cosmic(folder: Path | None = None, **changes: Any) -> CosmicEvents:
    dumps = {"dumps": {"directory": str(folder)}} if folder else {}
    return CosmicEvents.model_validate({**GIVEN, **dumps, **changes})


def feed(folder: Path | None = None, **changes: Any) -> Feed:
    return cosmic(folder, **changes).feed()


def look(asset: Feed, *, later: int = 0, most: int | None = None) -> list[str]:
    """Look at the folder, so many seconds from now; ``most``: so many bytes at once."""
    assert asset.look is not None
    dumps = _folder_of(asset.look)
    now = dumps.now
    return replace(dumps, now=lambda: now() + later * SECOND, most=most or dumps.most).look()


def _folder_of(looking: Callable[[], list[str]]) -> DumpFolder:
    found = getattr(looking, "__self__", None)
    assert isinstance(found, DumpFolder)
    return found


def journal() -> Journal:
    return Journal(settings.journal_root(), ASSET)


def journalled() -> list[Entry]:
    return [entry for day in journal().days() for entry in journal().read(day)]


def hear(payload: bytes, topic: str = "cosmic/0/events", form: str = "message", trouble: str = "") -> Entry:
    """Have the journal what the collector writes of a message."""
    heard = Heard(payload, journal().now(), form, trouble, sender=topic)
    return journal().append(payload, meta_of(BROKER, heard))


def quarantined() -> list[Quarantined]:
    with closing(settings.open_documents()) as store:
        return store.quarantined(ASSET)


def event(number: int, *, detector: int = 0, bits: int = 71) -> bytes:
    """The first published event under another number."""
    text = LINES[0].replace(b'"EventNumber": 4917', b'"EventNumber": %d' % number)
    text = text.replace(b'"DetectorId": 0', b'"DetectorId": %d' % detector)
    return text.replace(b'"TriggerBits": 71', b'"TriggerBits": %d' % bits)
