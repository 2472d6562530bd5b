"""Rules for some series: which rows have which rule, and which have none."""

from __future__ import annotations

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from labmon_dagster.quality import apply_flags, omitted
from labmon_dagster_tests.quality.test_flags import at, every_second, field


def test_each_series_has_the_first_rule_that_fits() -> None:
    rules = [
        field(where={"source": "plc", "site": "a"}, sentinels=[1], on_fail="omit"),
        field(where={"source": "plc"}, range={"suspect": [2, 3]}),
        field(where={"source": ""}, range={"fail": [2, 3]}),
    ]
    sources, sites = ["plc", "plc", "mtrs", "", "mtrs", "plc"], ["a", "b", "a", "b", "b", "a"]
    rows = at(range(6), [1.0, 1.0, 1.0, 1.0, None, 2.0], source=sources, site=sites)
    found = apply_flags(rows, {"x": rules}, ["source", "site"])
    assert found["x_qc"].to_list() == [4, 3, 2, 4, 9, 1]
    assert_frame_equal(found.drop("x_qc"), rows)
    assert omitted(found, {"x": rules})["x"].to_list() == [None, 1.0, 1.0, 1.0, None, 2.0]
    assert apply_flags(rows.clear(), {"x": rules}, ["source", "site"])["x_qc"].dtype == pl.Int8


def test_a_tag_no_row_has_is_empty() -> None:
    rules = [
        field(where={"source": "plc"}, range={"fail": [0, 1]}),
        field(where={"source": ""}, sentinels=[1]),
    ]
    assert apply_flags(every_second(1.0, 2.0), {"x": rules}, [])["x_qc"].to_list() == [4, 1]


def test_where_asks_for_tags_and_not_for_fields() -> None:
    rows = at([0], [1.0], label=["plc"])
    with pytest.raises(ValueError, match="quality rules for x: where: label is a field and no tag"):
        apply_flags(rows, {"x": [field(where={"label": "plc"}, sentinels=[1])]}, [])
