"""Values that a column's type can hold exactly, and those that go to quarantine."""

from __future__ import annotations

import polars as pl
import pytest

from labmon_dagster.landing.fit import WHY, fit
from labmon_dagster.model import FieldType

FLOAT, INTEGER, BOOLEAN, TEXT = FieldType.FLOAT, FieldType.INTEGER, FieldType.BOOLEAN, FieldType.TEXT


@pytest.mark.parametrize(
    ("kind", "wanted", "values", "kept"),
    [
        (INTEGER, FLOAT, [0, -7, 2**53 + 2, 2**62, -(2**63)], [0.0, -7.0, 2.0**53 + 2, 2.0**62, -(2.0**63)]),
        (INTEGER, FLOAT, [2**53 + 1, 2**63 - 1, 5], [5.0]),
        (FLOAT, INTEGER, [1.0, -3.0, 2.0**60], [1, -3, 2**60]),
        (FLOAT, INTEGER, [1.5, float("inf"), 2.0**63, 1e300, 4.0], [4]),
        (TEXT, FLOAT, ["1", "x"], []),
        (BOOLEAN, INTEGER, [True, False], []),
        (FLOAT, TEXT, [1.0], []),
        (FLOAT, BOOLEAN, [1.0], []),
        (TEXT, TEXT, ["a"], ["a"]),
    ],
)
def test_only_exact_values_fit(
    kind: FieldType, wanted: FieldType, values: list[object], kept: list[object]
) -> None:
    rows = pl.DataFrame({"{x}": [*values, None], "n": range(len(values) + 1)}, strict=False)
    good, bad = fit(rows, {"{x}": kind}, {"{x}": wanted})
    assert good["{x}"].to_list() == [*kept, None]
    assert [type(one) for one in good["{x}"][:-1]] == [type(one) for one in kept]
    assert bad.height == len(values) - len(kept)
    assert all(f" in field {{x}} is {kind}, but the store holds {wanted}" in why for why in bad[WHY])


def test_a_row_is_refused_once_for_all_its_misfits() -> None:
    rows = pl.DataFrame({"a": ["x", "y"], "b": ["z", None]})
    good, bad = fit(rows, {"a": TEXT, "b": TEXT}, {"a": FLOAT, "b": FLOAT})
    assert good.is_empty()
    assert bad[WHY].to_list() == [f"{text} in field a is text, but the store holds float" for text in "xy"]


def test_fields_the_store_does_not_know_fit() -> None:
    rows = pl.DataFrame({"a": [1.5]})
    assert fit(rows, {"a": FLOAT}, {"b": TEXT})[0].equals(rows)
