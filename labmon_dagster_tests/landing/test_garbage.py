"""The search for garbage is as it was when the last landing is done, in whatever order they end."""

from __future__ import annotations

import gc
from contextlib import ExitStack

import pytest

from labmon_dagster.landing.garbage import searched_seldom


def test_it_is_seldom_within_and_as_before_behind() -> None:
    before = gc.get_threshold()
    with pytest.raises(ZeroDivisionError), searched_seldom():
        assert gc.get_threshold()[0] > before[0]
        _ = 1 / 0
    assert gc.get_threshold() == before


def test_several_at_once_end_in_any_order() -> None:
    before = gc.get_threshold()
    first, second = ExitStack(), ExitStack()
    first.enter_context(searched_seldom())
    second.enter_context(searched_seldom())
    first.close()
    assert gc.get_threshold()[0] > before[0]
    second.close()
    assert gc.get_threshold() == before
