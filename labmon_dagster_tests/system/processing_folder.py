"""A folder with a million files of processing output: how long a tick takes, how fast they are delivered.

`python -m labmon_dagster_tests.system.processing_folder --files 1000000` prints as JSON, of both kinds of
tick (all files unknown; all known and kept), seconds and peak memory; with `--deliver N` also files a second
that are journalled and delivered, into the store that LABMON_DOCUMENTS_URL names, by default SQLite.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from labmon_dagster import settings
from labmon_dagster.components import ProcessingFolder
from labmon_dagster.components.feed import Feed
from labmon_dagster.components.processing.entry import Taken
from labmon_dagster.components.processing.files import ProcessingFiles
from labmon_dagster.components.processing.index import Index
from labmon_dagster.journal import Journal
from labmon_dagster.landing import Delivery, DocumentLanding, ask, news_position
from labmon_dagster.model.window import SECOND
from labmon_dagster.sources.processing.folder import digest_of
from labmon_dagster_tests.peak import peak_kib

RECORDS, STREAMS = 10, 1000


def feed_of(folder: Path, *, delete_files: bool) -> Feed:
    """The asset of a folder."""
    given = {"asset": "ricochet/processing", "directory": str(folder), "collection": "processing"}
    attributes = {**given, "start": "2026-01-01", "delete_files": delete_files}
    return ProcessingFolder.model_validate(attributes).feed()


def content_of(number: int) -> bytes:
    """A file: some records of one of the streams, each file of a stream newer than the one before."""
    made = datetime.fromtimestamp(1_600_000_000 + number // STREAMS, UTC).isoformat()
    records = [{"event": n, "energy": n / 7, "channel": "ChalA"} for n in range(RECORDS)]
    told = {"stream_id": f"stream{number % STREAMS:06d}", "timestamp": made, "records": records}
    return json.dumps(told).encode()


def make(folder: Path, count: int, content: Callable[[int], bytes]) -> None:
    """Make files that have stood still for a minute."""
    folder.mkdir(parents=True, exist_ok=True)
    long_ago = time.time_ns() - 60 * SECOND
    for number in range(count):
        path = folder / f"{number:08x}.json"
        path.write_bytes(content(number))
        os.utime(path, ns=(long_ago + number, long_ago + number))


def tick(feed: Feed) -> tuple[bool, float]:
    """Whether there is news, and the seconds it takes to say so."""
    with closing(settings.open_documents(feed.store)) as store:
        known = news_position(feed.source, store.ledger(feed.asset), datetime.now(UTC).date())
    begun = time.perf_counter()
    return feed.source.news(known), time.perf_counter() - begun


def run(
    feed: Feed,
    tell: Callable[[str], object] = lambda text: None,
    between: Callable[[], object] = lambda: None,
) -> dict[str, float]:
    """What a run of today does, in its order; seconds of each step.

    ``between`` is done when files are taken.
    """
    assert feed.take and feed.landed and isinstance(feed.source, ProcessingFiles)
    steps = [time.perf_counter()]
    feed.take(tell)
    between()
    steps.append(time.perf_counter())
    with closing(settings.open_documents(feed.store)) as store:
        day, now = datetime.now(UTC).date(), time.time_ns()
        request = ask(feed.source, store.ledger(feed.asset), [day], now, whole=False)
        delivery = Delivery(
            feed.asset, feed.measurement, (day,), whole=not request.since, stream_of=feed.source.stream_of
        )
        DocumentLanding(store, delivery, now).land(feed.source.read(request))
        steps.append(time.perf_counter())
        feed.landed(store, tell)
    steps.append(time.perf_counter())
    names = ("take_s", "land_s", "finish_s")
    return {name: round(b - a, 2) for name, a, b in zip(names, steps, steps[1:], strict=False)}


def know(feed: Feed) -> None:
    """Let the index know all files as outdated ones, without a delivery of each."""
    source = feed.source
    assert isinstance(source, ProcessingFiles)
    journal = Journal(settings.journal_root(), feed.asset)
    with Index.at(source.index) as index:
        for some in index.unknown(source.folder.look()):
            told = [Taken(found, digest_of(b""), "stream", 1, 1, newer=2).meta for found in some]
            index.add(journal.append_many((b"", meta) for meta in told))


def ticks(folder: Path, count: int) -> Iterator[tuple[str, object]]:
    """The figures of ticks over ``count`` small files."""
    begun = time.perf_counter()
    make(folder, count, lambda number: b"{}")
    yield "make_s", round(time.perf_counter() - begun, 1)
    feed = feed_of(folder, delete_files=False)
    for name in ("unknown", "unknown again"):
        news, seconds = tick(feed)
        assert news
        yield f"tick, all {name}: s", round(seconds, 2)
    yield "peak_MiB of ticks", peak_kib() // 1024
    know(feed)
    with closing(settings.open_documents(feed.store)):
        run(feed)
    for name in ("known", "known again"):
        news, seconds = tick(feed)
        assert not news
        yield f"tick, all {name}: s", round(seconds, 2)
    yield "peak_MiB", peak_kib() // 1024


def delivery(folder: Path, count: int) -> Iterator[tuple[str, object]]:
    """The figures of a run over ``count`` files of 10 records."""
    make(folder, count, content_of)
    begun = time.perf_counter()
    steps = run(feed_of(folder, delete_files=True), lambda text: sys.stderr.write(f"{text}\n"))
    seconds = time.perf_counter() - begun
    assert not any(folder.iterdir())
    yield "delivered: files/s", round(count / seconds)
    yield "steps", steps
    yield "peak_MiB of delivery", peak_kib() // 1024


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--files", type=int, default=0)
    parser.add_argument("--deliver", type=int, default=0)
    parser.add_argument("--folder", type=Path, help="where the files are made: which disk is measured")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.folder) as place:
        os.environ[settings.HOME] = str(Path(place) / "home")
        figures: dict[str, Any] = {}
        figures |= ticks(Path(place) / "ticks", given.files) if given.files else ()
        if given.deliver:
            os.environ[settings.HOME] = str(Path(place) / "home2")
            figures |= delivery(Path(place) / "delivery", given.deliver)
    sys.stdout.write(f"{json.dumps(figures, indent=1)}\n")


if __name__ == "__main__":
    main()
