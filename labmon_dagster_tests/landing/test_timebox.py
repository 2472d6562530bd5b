"""Reading ahead: in order, with the source's own errors, never without end, and a few batches at most."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from labmon_dagster.landing import time_boxed
from labmon_dagster.model import Batch, Mark, Readings, SourceError
from labmon_dagster.model.documents import DocumentBatch, Documents
from labmon_dagster_tests.landing.rows import Row, batch

LONG = 60.0


class Source:
    """Gives numbered batches, and notes how many it gave and whether it was closed."""

    def __init__(self, count: int, error: BaseException | None = None) -> None:
        self.count, self.error = count, error
        self.given = 0
        self.closed = threading.Event()

    def batches(self) -> Iterator[Batch]:
        try:
            for number in range(self.count):
                self.given += 1
                yield batch([Row(number)], number)
            if self.error:
                raise self.error
        finally:
            self.closed.set()


def boxed(source: Source) -> Iterator[Batch]:
    return time_boxed(Readings(source.batches()), LONG, "lab/table").batches


def test_batches_come_in_order_and_facts_are_shared() -> None:
    source = Source(50)
    readings = Readings(source.batches())
    ahead = time_boxed(readings, LONG, "lab/table")
    assert [one.mark.offset for one in ahead.batches] == list(range(50))
    assert ahead.facts is readings.facts
    assert ahead.trouble is readings.trouble
    assert source.closed.wait(LONG)


@pytest.mark.parametrize("error", [SourceError("gone"), ValueError("bug"), KeyboardInterrupt()])
def test_an_error_comes_after_the_batches_before_it(error: BaseException) -> None:
    batches = boxed(Source(3, error))
    assert [next(batches).mark.offset for _ in range(3)] == [0, 1, 2]
    with pytest.raises(type(error)) as caught:
        next(batches)
    assert caught.value is error


def test_a_silent_source_is_given_up() -> None:
    forever = threading.Event()

    def silent() -> Iterator[Batch]:
        yield batch([])
        forever.wait(LONG)

    batches = time_boxed(Readings(silent()), 0.05, "lab/table").batches
    next(batches)
    with pytest.raises(SourceError, match=r"lab/table gave nothing for 0\.05 s"):
        next(batches)
    forever.set()


def test_a_consumer_that_ends_early_ends_the_thread_and_closes_the_source() -> None:
    source = Source(10_000)
    batches = boxed(source)
    next(batches)
    batches.close()  # type: ignore[attr-defined]
    assert source.closed.wait(LONG)
    assert source.given < 10


def test_only_a_few_batches_are_read_ahead() -> None:
    source = Source(10_000)
    batches = boxed(source)
    for number in range(20):
        next(batches)
        assert source.given <= number + 5
    batches.close()  # type: ignore[attr-defined]


def test_nothing_is_read_before_the_first_batch_is_asked_for() -> None:
    source = Source(1)
    boxed(source)
    assert source.given == 0


def test_documents_come_just_so() -> None:
    batches = [DocumentBatch("notes", (), "s", Mark(number)) for number in range(5)]
    given = Documents(iter(batches), {"days": ["a"]})
    ahead = time_boxed(given, LONG, "lab/notes")
    assert isinstance(ahead, Documents) and ahead.facts is given.facts
    assert list(ahead.batches) == batches
