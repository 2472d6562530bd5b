"""Is there anything new? Every source and every store is asked in a thread of its own, with limited patience.

What would be lost before it is asked for (overwritten files) is landed first, whether or not the store is
there.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as TooLate
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from time import monotonic
from typing import TypeAlias, TypeVar

from labmon_dagster.automation.plan import Span, day_by_day, news_span
from labmon_dagster.components.feed import Feed
from labmon_dagster.journal import Journal
from labmon_dagster.landing import news_position
from labmon_dagster.settings import StoreKey, journal_root, open_any
from labmon_dagster.stores import LedgerRow

PATIENCE = 20.0
Ledger: TypeAlias = Mapping[date, LedgerRow]
T = TypeVar("T")


@dataclass(slots=True)
class Asked:
    """The answers: whose days to read, and who could not be asked (with the reason)."""

    wishes: dict[str, list[Span]] = field(default_factory=dict)
    silent: dict[str, str] = field(default_factory=dict)


class Scout:
    """Asks feeds for news. One that still hangs from an earlier time is not asked again meanwhile."""

    def __init__(self, patience: float = PATIENCE) -> None:
        self.patience = patience
        self._looking: dict[str, Future[list[str]]] = {}
        self._hanging: dict[str, Future[bool]] = {}
        self._reading: dict[StoreKey, Future[dict[str, Ledger]]] = {}

    def ask(self, feeds: Iterable[Feed], now: datetime) -> Asked:
        """Which days of which feeds hold news, or were missed before."""
        listed = list(feeds)
        for feed in listed:
            self._look(feed)
        books = self._books(listed)
        asked = Asked()
        today = now.astimezone(UTC).date()
        answers = {feed.asset: self._start(feed, books[feed.store_key], today, asked) for feed in listed}
        deadline = monotonic() + self.patience
        for feed in sorted(listed, key=lambda feed: bool(feed.deps)):
            news = self._answer(feed, answers[feed.asset], deadline, asked)
            if feed.asset in asked.silent:
                continue
            ledger = self._answer(feed, books[feed.store_key], deadline, asked)
            if ledger is None:
                continue
            soon = any(one in asked.wishes for one in feed.deps)  # what it is made of is read in the same run
            spans = _spans(feed, ledger[feed.asset], now, news=soon or bool(news))
            if spans:
                asked.wishes[feed.asset] = spans
        return asked

    def _look(self, feed: Feed) -> None:
        before = self._looking.get(feed.asset)
        if feed.look and (before is None or before.done()):
            self._looking[feed.asset] = in_thread(feed.look, f"look {feed.asset}")

    def _books(self, feeds: Iterable[Feed]) -> dict[StoreKey, Future[dict[str, Ledger]]]:
        """Ask for the ledgers; a store that has not answered yet is waited for, and not asked again."""
        waiting = {key: future for key, future in self._reading.items() if not future.done()}
        self._reading = {**ledgers(feed for feed in feeds if feed.store_key not in waiting), **waiting}
        return self._reading

    def _start(
        self, feed: Feed, books: Future[dict[str, Ledger]], today: date, asked: Asked
    ) -> Future[bool] | None:
        hanging = self._hanging.get(feed.asset)
        if hanging is not None and not hanging.done():
            asked.silent[feed.asset] = "still has not answered an earlier question"
            return None
        looking = self._looking.get(feed.asset)

        def has_news() -> bool:
            if looking is not None:
                looking.result()
            return feed.source.news(news_position(feed.source, books.result()[feed.asset], today))

        self._hanging[feed.asset] = answer = in_thread(has_news, f"news {feed.asset}")
        return answer

    def _answer(self, feed: Feed, answer: Future[T] | None, deadline: float, asked: Asked) -> T | None:
        if answer is None:
            return None
        try:
            return answer.result(timeout=max(0.0, deadline - monotonic()))
        except TooLate:
            asked.silent[feed.asset] = f"did not answer within {self.patience:g} s"
        except Exception as error:
            asked.silent[feed.asset] = f"{type(error).__name__}: {error}"
        return None


def _spans(feed: Feed, ledger: Ledger, now: datetime, *, news: bool) -> list[Span]:
    if feed.alone:
        full, newest_first = days_held(feed), feed.newest_first
        return day_by_day(ledger, feed.start, now, news=news, full=full, newest_first=newest_first)
    span = news_span(ledger, feed.start, now, news=news)
    return [span] if span else []


def days_held(feed: Feed) -> set[date]:
    """The days of which the feed's journal holds anything."""
    days = Journal(journal_root(), feed.journal).days() if feed.journal else ()
    return set(map(date.fromisoformat, days))


def ledgers(feeds: Iterable[Feed]) -> dict[StoreKey, Future[dict[str, Ledger]]]:
    """Ask every store, of readings or documents, for the ledgers of its feeds: asset → ledger in the end."""
    by_store: dict[StoreKey, list[str]] = {}
    for feed in feeds:
        by_store.setdefault(feed.store_key, []).append(feed.asset)
    return {key: in_thread(_reading(key, assets), f"ledgers {key.name}") for key, assets in by_store.items()}


def _reading(key: StoreKey, assets: list[str]) -> Callable[[], dict[str, Ledger]]:
    def read() -> dict[str, Ledger]:
        with closing(open_any(key)) as store:
            return {asset: store.ledger(asset) for asset in assets}

    return read


def in_thread(work: Callable[[], T], name: str) -> Future[T]:
    """``work`` in a daemon thread: one that hangs does not keep the process from ending."""
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=run, name=name, daemon=True).start()
    return future
