"""Confirmations go out in the order in which messages came, and only for what is on disk."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labmon_dagster.sources.mqtt.unconfirmed import Line


def line_of(count: int) -> tuple[Line, list[Future[Any]]]:
    line, futures = Line(lambda: None, 10_000), [Future[Any]() for _ in range(count)]
    for number, future in enumerate(futures):
        line.add(number, 1, b"", future)
    return line, futures


@given(st.permutations(range(6)))
def test_whatever_the_order_on_disk_they_are_confirmed_in_the_order_received(order: list[int]) -> None:
    line, futures = line_of(6)
    confirmed: list[int] = []
    for number in order:
        futures[number].set_result(None)
        confirmed += [one.mid for one in line.kept()]
        waiting = [one for one, future in enumerate(futures) if not future.done()]
        assert confirmed == list(range(waiting[0] if waiting else 6))
    assert len(line) == 0


def test_what_could_not_be_kept_holds_up_all_behind_it() -> None:
    line, futures = line_of(3)
    futures[0].set_result(None)
    futures[1].set_exception(OSError("no room"))
    futures[2].set_result(None)
    with pytest.raises(OSError, match="no room"):
        [*line.kept()]
    assert len(line) == 2


def test_it_is_full_until_enough_is_on_disk() -> None:
    woken: list[bool] = []
    line, future = Line(lambda: woken.append(True), 10_000), Future[Any]()
    line.add(1, 1, b"x" * 9_000, future)
    assert not line.is_full
    line.add(2, 1, b"x" * 9_000, Future())
    assert line.is_full
    future.set_result(None)
    assert woken == [True]
    assert [one.mid for one in line.kept()] == [1]
    assert not line.is_full
