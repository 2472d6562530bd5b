"""Is there anything new? Every source is asked in a thread of its own and has only so much time to answer."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as TooLate
from contextlib import closing
from dataclasses import dataclass, field
from datetime import date, datetime
from time import monotonic

from labmon_dagster.automation.plan import Span, news_span
from labmon_dagster.components.feed import Feed
from labmon_dagster.landing import newest_position
from labmon_dagster.settings import open_store
from labmon_dagster.stores import LedgerRow

PATIENCE = 20.0


@dataclass(slots=True)
class Asked:
    """The answers: whose days to read, and who could not be asked (with the reason)."""

    wishes: dict[str, Span] = field(default_factory=dict)
    silent: dict[str, str] = field(default_factory=dict)


class Scout:
    """Asks feeds for news. One that still hangs from an earlier time is not asked again meanwhile."""

    def __init__(self, patience: float = PATIENCE) -> None:
        self.patience = patience
        self._hanging: dict[str, Future[bool]] = {}

    def ask(self, feeds: Iterable[Feed], now: datetime) -> Asked:
        """Which days of which feeds hold news, or were missed before."""
        listed = list(feeds)
        with closing(open_store()) as store:
            ledgers = {feed.asset: store.ledger(feed.asset) for feed in listed}
        asked = Asked()
        answers = {feed.asset: self._start(feed, ledgers[feed.asset], asked) for feed in listed}
        deadline = monotonic() + self.patience
        for feed in listed:
            news = self._answer(feed, answers[feed.asset], deadline, asked)
            span = news_span(ledgers[feed.asset], feed.start, now, news=news)
            if span and feed.asset not in asked.silent:
                asked.wishes[feed.asset] = span
        return asked

    def _start(self, feed: Feed, ledger: Mapping[date, LedgerRow], asked: Asked) -> Future[bool] | None:
        hanging = self._hanging.get(feed.asset)
        if hanging is not None and not hanging.done():
            asked.silent[feed.asset] = "still has not answered an earlier question"
            return None
        self._hanging[feed.asset] = answer = in_thread(lambda: _has_news(feed, ledger), f"news {feed.asset}")
        return answer

    def _answer(self, feed: Feed, answer: Future[bool] | None, deadline: float, asked: Asked) -> bool:
        if answer is None:
            return False
        try:
            return answer.result(timeout=max(0.0, deadline - monotonic()))
        except TooLate:
            asked.silent[feed.asset] = f"did not answer within {self.patience:g} s"
        except Exception as error:
            asked.silent[feed.asset] = f"{type(error).__name__}: {error}"
        return False


def _has_news(feed: Feed, ledger: Mapping[date, LedgerRow]) -> bool:
    if feed.look:
        feed.look()
    return feed.source.news(newest_position(ledger.values()))


def in_thread(work: Callable[[], bool], name: str) -> Future[bool]:
    """``work`` in a daemon thread: one that hangs does not keep the process from ending."""
    future: Future[bool] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=run, name=name, daemon=True).start()
    return future
