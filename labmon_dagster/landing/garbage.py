"""Python's search for garbage in cycles, made less often while very many objects pass that are in none."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_SELDOM = (100_000, 50, 1000)  # the usual (700, 10, 10) takes a third of the time of landing documents
_lock = threading.Lock()
_before: list[tuple[int, int, int]] = []


@contextmanager
def searched_seldom() -> Iterator[None]:
    """Have it searched for seldom, in the whole process, until the last of those who want so is done."""
    with _lock:
        _before.append(gc.get_threshold())
        gc.set_threshold(*_SELDOM)
    try:
        yield
    finally:
        with _lock:
            gc.set_threshold(*(_SELDOM if len(_before) > 1 else _before[0]))
            _before.pop()
