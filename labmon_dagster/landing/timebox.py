"""Reading ahead in a thread, with a limit on how long a source may be silent."""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator, Iterator
from dataclasses import dataclass, replace

from labmon_dagster.model import Batch, Readings, SourceError

_AHEAD = 2


@dataclass(frozen=True, slots=True)
class _Failed:
    error: BaseException


def time_boxed(readings: Readings, seconds: float, name: str) -> Readings:
    """Give the same readings, read ahead while earlier ones are being stored.

    Raises SourceError when the source gives nothing for ``seconds``: a hanging source must not hold up
    a run for ever.
    """
    return replace(readings, batches=_ahead(readings.batches, seconds, name))


def _ahead(batches: Iterator[Batch], seconds: float, name: str) -> Iterator[Batch]:
    waiting: queue.Queue[Batch | _Failed | None] = queue.Queue(_AHEAD)
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
    waiting: queue.Queue[Batch | _Failed | None], item: Batch | _Failed | None, stopped: threading.Event
) -> bool:
    while not stopped.is_set():
        try:
            waiting.put(item, timeout=0.2)
            return True
        except queue.Full:
            continue
    return False
