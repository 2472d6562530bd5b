"""Reading ahead in a thread, with a limit on how long a source may be silent."""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator, Iterator
from dataclasses import dataclass, replace
from typing import TypeVar

from labmon_dagster.model import Readings, SourceError
from labmon_dagster.model.documents import Documents

_AHEAD = 2
B = TypeVar("B")
G = TypeVar("G", Readings, Documents)


@dataclass(frozen=True, slots=True)
class _Failed:
    error: BaseException


def time_boxed(given: G, seconds: float, name: str) -> G:
    """Give the same readings or documents, read ahead while earlier ones are being stored.

    Raises SourceError when the source gives nothing for ``seconds``: a hanging source must not hold up
    a run for ever.
    """
    return replace(given, batches=_ahead(given.batches, seconds, name))


def _ahead(batches: Iterator[B], seconds: float, name: str) -> Iterator[B]:
    waiting: queue.Queue[B | _Failed | None] = queue.Queue(_AHEAD)
    stopped = threading.Event()

    def read() -> None:
        try:
            for batch in batches:
                if not _put(waiting, batch, stopped):
                    break
            _put(waiting, None, stopped)
        except BaseException as error:
            _put(waiting, _Failed(error), stopped)
        finally:
            if isinstance(batches, Generator):
                batches.close()

    threading.Thread(target=read, name=f"read {name}", daemon=True).start()
    try:
        while True:
            try:
                item = waiting.get(timeout=seconds)
            except queue.Empty:
                raise SourceError(f"{name} gave nothing for {seconds:g} s") from None
            if item is None:
                return
            if isinstance(item, _Failed):
                raise item.error
            yield item
    finally:
        stopped.set()


def _put(
    waiting: queue.Queue[B | _Failed | None], item: B | _Failed | None, stopped: threading.Event
) -> bool:
    while not stopped.is_set():
        try:
            waiting.put(item, timeout=0.2)
            return True
        except queue.Full:
            continue
    return False
