"""Programs that measure have numpy everywhere: its numbers are kept exactly, the rest is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from labmon_dagster.journal import Journal
from labmon_dagster.records.errors import RecordError
from labmon_dagster.records.messages import insert
from labmon_dagster_tests.records.test_messages import GOOD, bodies, same


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path, "lab/daq")


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        (np.int64(-(2**63)), -(2**63)),
        (np.uint8(255), 255),
        (np.float64(0.1), 0.1),
        (np.float32(0.1), 0.10000000149011612),
        (np.bool_(True), True),
        (np.str_("a"), "a"),
    ],
)
def test_numbers_of_numpy_are_kept_exactly(journal: Journal, given: Any, wanted: Any) -> None:
    (found,) = bodies(journal, {**GOOD, "n": given, "deep": [{"n": given}]})
    assert same(found, {**GOOD, "n": wanted, "deep": [{"n": wanted}]})


@pytest.mark.parametrize("given", [np.int32(5), np.float32(5.5), np.float64(5.5)])
def test_a_timestamp_may_be_a_number_of_numpy(journal: Journal, given: Any) -> None:
    (found,) = bodies(journal, {**GOOD, "timestamp": given})
    assert same(found["timestamp"], given.item())


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("timestamp", np.bool_(True), "field timestamp: True; allowed"),
        ("timestamp", np.float32("nan"), "field timestamp: nan; allowed"),
        ("n", np.complex64(1), "n: a value of type complex64"),
        ("n", np.uint64(2**63), "n: the integer 9223372036854775808 does not fit into 64 bits"),
        ("n", np.longdouble("0.1"), "n: a value of type longdouble"),
        ("n", np.datetime64("2026-01-01T00:00:00.000000001"), "n: a value of type datetime64"),
    ],
)
def test_what_would_be_altered_is_refused(journal: Journal, field: str, value: Any, said: str) -> None:
    with pytest.raises(RecordError, match=f"message 0: {said}.*none of the messages was inserted"):
        insert(journal, [{**GOOD, field: value}])
    assert journal.days() == []
