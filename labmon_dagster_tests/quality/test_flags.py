"""Flags of known rows, and their independence of how rows arrive."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf, nan
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from labmon_dagster.quality import FieldRules, Flag, apply_flags, omitted, reach

SECOND = 1_000_000_000
SPAN = {"fail": [-10, 30], "suspect": [0, 20]}


def field(**rule: Any) -> FieldRules:
    return FieldRules.model_validate(rule)


def at(seconds: Sequence[float], values: Sequence[Any], **columns: Any) -> pl.DataFrame:
    times = [int(second * SECOND) for second in seconds]
    kind = None if any(value is not None for value in values) else pl.Float64
    x = pl.Series(values, dtype=kind, strict=False)
    return pl.DataFrame({"time": pl.Series(times, dtype=pl.Int64), **columns, "x": x})


def every_second(*values: Any) -> pl.DataFrame:
    return at(range(len(values)), values)


def flags(rows: pl.DataFrame, tags: Sequence[str] = (), **rule: Any) -> list[int]:
    return apply_flags(rows, {"x": field(**rule)}, tags)["x_qc"].to_list()


def test_flags_are_those_of_qartod() -> None:
    assert {flag.name: flag.value for flag in Flag} == {
        "PASS": 1,
        "NOT_EVALUATED": 2,
        "SUSPECT": 3,
        "FAIL": 4,
        "MISSING": 9,
    }


# -- each value by itself -------------------------------------------------------------------------


def test_range_ends_belong_to_the_span() -> None:
    rows = every_second(-10.1, -10.0, -0.1, 0.0, 20.0, 20.1, 30.0, 30.1, inf, -inf, nan, None)
    assert flags(rows, range=SPAN) == [4, 3, 3, 1, 1, 3, 3, 4, 4, 4, 9, 9]
    assert flags(rows, range={"fail": SPAN["fail"]}) == [4, 1, 1, 1, 1, 1, 1, 4, 4, 4, 9, 9]
    assert flags(rows, range={"suspect": SPAN["suspect"]}) == [3, 3, 3, 1, 1, 3, 3, 3, 3, 3, 9, 9]


def test_sentinels_fail_and_anything_else_passes_but_infinity() -> None:
    rows = every_second(7999.0, 7998.9, -7999.0, inf, nan, None)
    assert flags(rows, sentinels=[7999, -7999]) == [4, 1, 4, 2, 9, 9]


def test_whole_numbers_are_numbers() -> None:
    assert flags(every_second(7999, 5, None), sentinels=[7999]) == [4, 1, 9]


@pytest.mark.parametrize("column", [["a", "b"], [True, False]])
def test_what_is_no_number_cannot_be_tested(column: list[Any]) -> None:
    rows = every_second(*column)
    with pytest.raises(ValueError, match="rules for x: only numbers can be tested"):
        flags(rows, sentinels=[1])
    with pytest.raises(ValueError, match="only numbers"):
        omitted(rows, {"x": field(sentinels=[1])})


# -- spike ----------------------------------------------------------------------------------------


def spike(rows: pl.DataFrame, tags: Sequence[str] = (), **more: Any) -> list[int]:
    return flags(rows, tags, spike={"suspect": 2, "fail": 4, "within": "2s"}, **more)


def test_spike_compares_with_the_mean_of_both_neighbours() -> None:
    assert spike(every_second(0.0, 2.0, 0.0)) == [2, 1, 2]
    assert spike(every_second(0.0, 3.0, 0.0)) == [2, 3, 2]
    assert spike(every_second(0.0, -4.5, 0.0)) == [2, 4, 2]
    assert spike(every_second(0.0, 50.0, 100.0)) == [2, 1, 2]
    assert flags(every_second(0.0, 9.0, 0.0), spike={"suspect": 1, "within": "1s"}) == [2, 3, 2]
    assert flags(every_second(0.0, 9.0, 0.0), spike={"fail": 10, "within": "1s"}) == [2, 1, 2]


def test_spike_needs_usable_neighbours_near_by() -> None:
    assert spike(at([0, 2, 4], [0.0, 9.0, 0.0])) == [2, 4, 2]
    assert spike(at([0, 2.001, 4], [0.0, 9.0, 0.0])) == [2, 2, 2]
    assert spike(at([0, 2, 4.001], [0.0, 9.0, 0.0])) == [2, 2, 2]
    for unusable in (None, nan, inf):
        after = 2 if unusable == inf else 9
        assert spike(every_second(0.0, 9.0, unusable, 9.0, 0.0)) == [2, 2, after, 2, 2]
    rule = {"sentinels": [7999], "range": SPAN}
    assert spike(every_second(0.0, 9.0, 7999.0, 9.0, 0.0), **rule) == [1, 1, 4, 1, 1]
    assert spike(every_second(0.0, 9.0, 31.0, 9.0, 0.0), **rule) == [1, 1, 4, 1, 1]
    # A doubtful neighbour is a neighbour.
    assert spike(every_second(0.0, 0.0, 25.0, 0.0, 0.0), **rule) == [1, 4, 4, 4, 1]


def test_spike_of_huge_values() -> None:
    assert spike(every_second(1.7e308, 1.7e308, 1.7e308)) == [2, 1, 2]
    assert spike(every_second(-1.7e308, 1.7e308, -1.7e308)) == [2, 4, 2]


# -- rate of change -------------------------------------------------------------------------------


def test_rate_of_change_is_per_time_to_the_previous_row() -> None:
    test = {"suspect": 2, "fail": 4, "within": "10s"}
    rows = at([0, 1, 2, 4, 6, 6.5], [0.0, 2.0, 5.0, 1.0, 9.5, 7.5])
    # Rates per second: -, 2 (not above), 3, 2, 4.25, 4 (not above)
    assert flags(rows, rate_of_change=test) == [2, 1, 3, 1, 4, 3]
    assert flags(rows, rate_of_change=test | {"per": "500ms"}) == [2, 1, 1, 1, 3, 1]


def test_rate_of_change_needs_a_usable_previous_row_near_by() -> None:
    test = {"fail": 1, "within": "2s"}
    rows = at([0, 2, 4.001, 5, 6, 7, 8, 9], [0.0, 9.0, 0.0, None, 0.0, inf, 0.0, 9.0])
    assert flags(rows, rate_of_change=test) == [2, 4, 2, 9, 2, 2, 2, 4]
    rows = every_second(0.0, 7999.0, 0.0, 9.0)
    assert flags(rows, rate_of_change=test, sentinels=[7999]) == [1, 4, 1, 4]


# -- flat line ------------------------------------------------------------------------------------


def flat(rows: pl.DataFrame, **more: Any) -> list[int]:
    return flags(rows, flat_line={"tolerance": 0.5, "suspect": "2s", "fail": "4s"}, **more)


def test_flat_line_counts_time_since_values_last_differed() -> None:
    assert flat(every_second(*[1.0] * 6)) == [2, 2, 3, 3, 4, 4]
    assert flat(every_second(1.0, 1.5, 1.0, 1.6, 1.6, 1.6)) == [2, 2, 3, 1, 1, 3]
    assert flags(every_second(*[1] * 4), flat_line={"suspect": "2s"}) == [2, 2, 3, 3]
    assert flags(every_second(1, 1, 1, 2), flat_line={"fail": "2s"}) == [2, 2, 4, 1]


def test_a_creeping_value_is_not_flat() -> None:
    assert flat(every_second(*[0.3 * i for i in range(6)])) == [2, 2, 1, 1, 1, 1]


def test_a_flat_line_may_pause_for_half_the_window() -> None:
    assert flat(at([0, 1, 2, 3, 5, 6], [1.0] * 6)) == [2, 2, 3, 3, 4, 4]
    assert flat(at([0, 1, 2, 4, 5, 6], [1.0] * 6)) == [2, 2, 3, 4, 4, 4]
    assert flat(at([0, 1, 2, 4.1, 5, 6], [1.0] * 6)) == [2, 2, 3, 2, 2, 2]


def test_a_flat_line_begins_with_a_value_at_or_before_the_window() -> None:
    assert flat(at([0, 0.9, 1.8, 2.7], [1.0] * 4)) == [2, 2, 2, 3]


def test_flat_line_passes_over_unusable_values() -> None:
    rule = {"sentinels": [7999], "range": {"fail": [0, 9]}}
    for unusable, own in ((None, 9), (nan, 9), (inf, 4), (7999.0, 4), (10.0, 4)):
        rows = at([0, 0.5, 1, 1.5, 2], [1.0, 1.0, unusable, 1.0, 1.0])
        assert flat(rows, **rule) == [1, 1, own, 1, 3]
    assert flat(at([0, 0.5, 1, 1.5, 2], [1.0, 1.0, inf, 1.0, 1.0])) == [2, 2, 2, 2, 3]


# -- several tests, series, columns ---------------------------------------------------------------


def test_the_worst_verdict_counts_and_one_pass_is_enough() -> None:
    tests = {"range": SPAN, "spike": {"fail": 4, "within": "1s"}}
    assert flags(every_second(1.0, 9.0, 25.0, 9.0), **tests) == [1, 1, 4, 1]
    assert flags(every_second(21.0, 22.0, 23.0), **tests) == [3, 3, 3]


def test_series_do_not_see_each_other() -> None:
    rows = at([0, 0, 1, 1, 2, 2], [0.0, 9.0, 0.0, 9.0, 0.0, 9.0], site=list("ababab"), probe=[""] * 6)
    assert spike(rows, ["site", "probe"]) == [2, 2, 1, 1, 2, 2]
    both = {"spike": {"fail": 1, "within": "1s"}, "rate_of_change": {"fail": 1, "within": "1s"}}
    assert flags(rows, ["site", "probe"], **both) == [2, 2, 1, 1, 1, 1]
    apart = at(range(6), [1.0] * 6, site=list("aaabbb"))
    assert flags(apart, ["site"], flat_line={"fail": "2s"}) == [2, 2, 4, 2, 2, 4]
    beside = at([0, 0, 1, 1, 2, 2], [1.0, 2.0] * 3, site=list("ababab"))
    assert flags(beside, ["site"], flat_line={"fail": "2s"}) == [2, 2, 2, 2, 4, 4]


def test_rows_and_columns_stay_as_they_are() -> None:
    rows = at([2, 0, 1], [0.0, 1.0, 9.0], site=["a"] * 3, _order=[5, 6, 7], y=[1, 2, 3])
    rows = rows.with_columns(pl.col("time").cast(pl.Datetime("ns", "UTC")), x_qc=pl.lit(9))
    two = field(sentinels=[2])
    rules = {"x": field(spike={"fail": 1, "within": "1s"}), "y": two, "z": two}
    found = apply_flags(rows, rules, ["site"])
    assert found.columns == ["time", "site", "_order", "y", "x", "x_qc", "y_qc"]
    assert_frame_equal(found.drop("x_qc", "y_qc"), rows.drop("x_qc"))
    assert found.schema["x_qc"] == found.schema["y_qc"] == pl.Int8
    assert (found["x_qc"].to_list(), found["y_qc"].to_list()) == ([2, 2, 4], [1, 4, 1])


def test_no_rows_and_no_rules() -> None:
    rows = every_second(1.0, 2.0)
    assert_frame_equal(apply_flags(rows, {}, []), rows)
    near = {"spike": {"fail": 1, "within": "1s"}, "flat_line": {"fail": "1s"}}
    rules = {"x": field(range=SPAN, **near, on_fail="omit")}
    empty = apply_flags(rows.clear(), rules, [])
    assert empty.schema == {**rows.schema, "x_qc": pl.Int8}
    assert_frame_equal(omitted(empty, rules), empty)
    assert flags(at([0, 1], [None, None]), range=SPAN, spike={"fail": 1, "within": "1s"}) == [9, 9]


def test_one_instant_twice_is_refused() -> None:
    with pytest.raises(ValueError, match=r"first at 1970-01-01T00:00:01\.000000000Z"):
        spike(at([0, 1, 1], [1.0, 2.0, 3.0]))


def test_time_of_another_type_is_refused() -> None:
    with pytest.raises(ValueError, match="time is String; it must be Datetime"):
        spike(every_second(1.0).with_columns(time=pl.lit("noon")))


# -- omission and reach ---------------------------------------------------------------------------


def test_omit_leaves_out_sentinels_and_range_failures_only() -> None:
    spiky = {"fail": 4, "within": "1s"}
    rules = {"x": field(sentinels=[5], range=SPAN, spike=spiky, on_fail="omit"), "y": field(sentinels=[5])}
    rows = every_second(5.0, 31.0, inf, 25.0, 0.0, 9.0, 0.0, None, nan).with_columns(y=pl.lit(5))
    flagged = apply_flags(rows, rules, [])
    kept = omitted(flagged, rules)
    assert kept["x"].to_list()[:-1] == [None, None, None, 25.0, 0.0, 9.0, 0.0, None]
    assert flagged["x_qc"].to_list() == [4, 4, 4, 3, 4, 4, 1, 9, 9]
    assert_frame_equal(kept.drop("x"), flagged.drop("x"))
    again = apply_flags(kept, rules, [])
    assert_frame_equal(again, kept)


def test_only_an_omitted_value_keeps_its_failure() -> None:
    rows = every_second(None, None, 1.0, None).with_columns(x_qc=pl.Series([4, 3, 4, None]))
    assert flags(rows, range=SPAN, on_fail="omit") == [4, 9, 1, 9]
    assert flags(rows, range=SPAN) == [9, 9, 1, 9]


def test_omission_keeps_the_type_of_a_column() -> None:
    rows = every_second(7999, 5)
    found = omitted(rows, {"x": field(sentinels=[7999], on_fail="omit")})
    assert_frame_equal(found, every_second(None, 5))


def test_reach_is_the_farthest_of_all_tests() -> None:
    assert reach({}) == 0
    assert reach({"x": field(sentinels=[1], range=SPAN)}) == 0
    near = field(spike={"fail": 1, "within": "3s"}, rate_of_change={"fail": 1, "within": "5s"})
    assert reach({"x": near, "y": field(sentinels=[1])}) == 5 * SECOND
    assert reach({"x": near, "y": field(flat_line={"suspect": "10s"})}) == 15 * SECOND
    assert reach({"y": field(flat_line={"suspect": "10s", "fail": "20s"})}) == 30 * SECOND


def test_a_row_at_the_end_of_reach_matters() -> None:
    rows = at([0, 1.9, 3.9, 5.85], [1.0] * 4)  # reach is 6 s
    assert flat(rows) == [2, 2, 2, 4]
    assert flat(rows[1:]) == [2, 2, 2]
