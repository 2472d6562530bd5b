"""Properties: flags agree with a plain retelling of the rules, and do not depend on how rows arrive."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import accumulate, pairwise
from typing import Any, TypeAlias

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from labmon_dagster.quality import FieldRules, Rules, apply_flags, listed, nanoseconds, omitted, reach

HALF_MS = 500_000
SENTINEL = 7999.0
Key: TypeAlias = tuple[str, int]  # series, time
SCHEMA = {
    "site": pl.String,
    "time": pl.Int64,
    "x": pl.Float64,
    "y": pl.Float64,
    "x_qc": pl.Int8,
    "y_qc": pl.Int8,
}

VALUES = st.one_of(
    st.integers(-6, 6).map(float),
    st.sampled_from([0.0, 0.0, 0.25, 1.0, SENTINEL, -20.0, 20.0, 9.0]),
    st.sampled_from([None, math.nan, math.inf, -math.inf]),
)
LENGTHS = st.integers(1, 9)


@st.composite
def field_rules(draw: st.DrawFn) -> FieldRules:
    """Any combination of tests that is allowed."""

    def graded(low: st.SearchStrategy[Any]) -> dict[str, Any]:
        suspect, fail = sorted(draw(st.lists(low, min_size=2, max_size=2, unique=True)))
        return draw(
            st.sampled_from([{"suspect": suspect}, {"fail": fail}, {"suspect": suspect, "fail": fail}])
        )

    rule: dict[str, Any] = {}
    wanted = draw(st.sets(st.sampled_from(["sentinels", "range", "spike", "rate", "flat"]), min_size=1))
    if "sentinels" in wanted:
        rule["sentinels"] = [SENTINEL]
    if "range" in wanted:
        spans = {"fail": [-10, 10], "suspect": [-5, 8]}
        rule["range"] = {key: spans[key] for key in draw(st.sets(st.sampled_from(sorted(spans)), min_size=1))}
    if "spike" in wanted:
        rule["spike"] = {**graded(st.integers(0, 6)), "within": f"{draw(LENGTHS)}ms"}
    if "rate" in wanted:
        rule["rate_of_change"] = {**graded(st.integers(0, 6)), "per": "2ms", "within": f"{draw(LENGTHS)}ms"}
    if "flat" in wanted:
        windows = {key: f"{length}ms" for key, length in graded(LENGTHS).items()}
        rule["flat_line"] = {**windows, "tolerance": draw(st.sampled_from([0, 0.5, 4]))}
    if "sentinels" in wanted or "fail" in rule.get("range", ()):
        rule["on_fail"] = draw(st.sampled_from(["keep", "omit"]))
    return FieldRules.model_validate(rule)


WHERES = st.fixed_dictionaries(
    {}, optional={"site": st.sampled_from(["a", "b", ""]), "absent": st.sampled_from(["", "", "c"])}
)
BY_SERIES = st.lists(
    st.builds(lambda rule, where: rule.model_copy(update={"where": where}), field_rules(), WHERES),
    min_size=1,
    max_size=3,
)
ENTRIES = field_rules() | BY_SERIES
RULES = st.fixed_dictionaries({"x": ENTRIES}, optional={"y": ENTRIES})
KEYS = st.tuples(st.sampled_from(["a", "b"]), st.integers(0, 50).map(lambda n: n * HALF_MS))
PORTION = st.dictionaries(KEYS, st.tuples(VALUES, VALUES), max_size=25)
PORTIONS = st.lists(PORTION, min_size=1, max_size=5)


@st.composite
def flat_portions(draw: st.DrawFn) -> list[dict[Key, tuple[float, None]]]:
    """Draw a sparse flat line that comes in pieces, so that what is farthest from a row decides."""
    times = accumulate(draw(st.lists(st.integers(3, 9), min_size=5, max_size=12)))
    keys = draw(st.permutations([("a", time * HALF_MS) for time in times]))
    most = len(keys) - draw(st.integers(1, 3))
    return [dict.fromkeys(keys[:most], (0.0, None)), *({key: (0.0, None)} for key in keys[most:])]


FLAT_RULES = st.integers(5, 9).map(
    lambda n: {"x": FieldRules.model_validate({"flat_line": {"fail": f"{n}ms"}})}
)


def frame(rows: Mapping[Key, tuple[float | None, float | None]]) -> pl.DataFrame:
    listed = [(*key, *values, None, None) for key, values in rows.items()]
    return pl.DataFrame(listed, SCHEMA, orient="row")


# -- a plain retelling of the rules, one value at a time ------------------------------------------


def usable(value: float | None, rule: FieldRules) -> bool:
    return value is not None and math.isfinite(value) and not failed(value, rule)


def failed(value: float, rule: FieldRules) -> bool:
    span = rule.range.fail if rule.range else None
    return value in rule.sentinels or (span is not None and not span[0] <= value <= span[1])


def grade(difference: float, suspect: float | None, fail: float | None) -> int:
    if fail is not None and difference > fail:
        return 4
    return 3 if suspect is not None and difference > suspect else 1


def ruling(entry: FieldRules | Sequence[FieldRules], site: str) -> FieldRules | None:
    """Find the rule of a series. The rows have no tag but the site."""
    for rule in listed(entry):
        if rule.where.get("site", site) == site and rule.where.get("absent", "") == "":
            return rule
    return None


def retold(series: Sequence[tuple[int, float | None]], i: int, rule: FieldRules | None) -> int:
    """Find the flag of row ``i`` of one series in the order of time."""
    value = series[i][1]
    if value is None or math.isnan(value):
        return 9
    if rule is None:
        return 2
    if failed(value, rule):
        return 4
    verdicts = [2]
    if rule.range and rule.range.suspect and not rule.range.suspect[0] <= value <= rule.range.suspect[1]:
        verdicts.append(3)
    elif (rule.range or rule.sentinels) and math.isfinite(value):
        verdicts.append(1)
    if math.isfinite(value):
        verdicts += [
            retold_spike(series, i, rule),
            retold_rate(series, i, rule),
            retold_flat(series, i, rule),
        ]
    return max(verdicts, key=[2, 1, 3, 4].index)


def neighbour(
    series: Sequence[tuple[int, float | None]], i: int, j: int, rule: FieldRules, within: str
) -> float | None:
    if not 0 <= j < len(series) or abs(series[i][0] - series[j][0]) > nanoseconds(within):
        return None
    return series[j][1] if usable(series[j][1], rule) else None


def retold_spike(series: Sequence[tuple[int, Any]], i: int, rule: FieldRules) -> int:
    if not (test := rule.spike):
        return 2
    before = neighbour(series, i, i - 1, rule, test.within)
    after = neighbour(series, i, i + 1, rule, test.within)
    if before is None or after is None:
        return 2
    return grade(abs(series[i][1] - (before + after) / 2), test.suspect, test.fail)


def retold_rate(series: Sequence[tuple[int, Any]], i: int, rule: FieldRules) -> int:
    if not (test := rule.rate_of_change):
        return 2
    before = neighbour(series, i, i - 1, rule, test.within)
    if before is None:
        return 2
    units = (series[i][0] - series[i - 1][0]) / nanoseconds(test.per)
    return grade(abs(series[i][1] - before) / units, test.suspect, test.fail)


def retold_flat(series: Sequence[tuple[int, Any]], i: int, rule: FieldRules) -> int:
    verdict = 2
    lengths = ((rule.flat_line.suspect, 3), (rule.flat_line.fail, 4)) if rule.flat_line else ()
    for length, number in lengths:
        if length:
            flat = is_flat(
                [row for row in series[: i + 1] if usable(row[1], rule)], nanoseconds(length), rule
            )
            if flat is not None:
                verdict = number if flat else max(verdict, 1, key=[2, 1, 3, 4].index)
    return verdict


def is_flat(values: Sequence[tuple[int, Any]], window: int, rule: FieldRules) -> bool | None:
    """Whether the window that ends with the last value is flat; None if values do not cover it."""
    start = values[-1][0] - window
    earlier = [i for i, (time, _) in enumerate(values) if time <= start]
    if not earlier:
        return None
    times = [time for time, _ in values[earlier[-1] :]]
    if any(2 * (b - a) > window for a, b in pairwise(times)):
        return None
    within = [value for time, value in values if time >= start]
    assert rule.flat_line
    return max(within) - min(within) <= rule.flat_line.tolerance


@settings(max_examples=200)
@given(rows=PORTION, rules=RULES, shuffled=st.randoms(use_true_random=False))
def test_flags_are_as_the_rules_say(rows: Any, rules: Rules, shuffled: Any) -> None:
    order = list(rows)
    shuffled.shuffle(order)
    found = apply_flags(frame({key: rows[key] for key in order}), rules, ["site"])
    assert list(found.select("site", "time").iter_rows()) == order
    for column, name in enumerate(("x", "y")):
        if name not in rules:
            continue
        for (site, time), flag in zip(order, found[f"{name}_qc"], strict=True):
            series = sorted((key[1], values[column]) for key, values in rows.items() if key[0] == site)
            at = [instant for instant, _ in series].index(time)
            assert flag == retold(series, at, ruling(rules[name], site))


# -- rows in portions -----------------------------------------------------------------------------


def near(rows: pl.DataFrame, others: pl.DataFrame, distance: int) -> pl.Series:
    """Which rows lie within ``distance`` (ns) of any of the others of their series."""
    times = others.group_by("site").agg(pl.col("time").alias("others"))
    joined = rows.join(times, on="site", how="left", maintain_order="left")
    return pl.Series(
        [
            others is not None and any(abs(time - other) <= distance for other in others)
            for time, others in joined.select("time", "others").iter_rows()
        ],
        dtype=pl.Boolean,
    )


def arrive(store: pl.DataFrame, portion: pl.DataFrame, rules: Rules) -> pl.DataFrame:
    """Add a portion of rows to the store: only flags within reach are computed again."""
    merged = pl.concat([store.join(portion, on=["site", "time"], how="anti"), portion])
    context = merged.filter(near(merged, portion, 2 * reach(rules)))
    flagged = omitted(apply_flags(context, rules, ["site"]), rules)
    affected = flagged.filter(near(flagged, portion, reach(rules)))
    return pl.concat([merged.join(affected, on=["site", "time"], how="anti"), affected])


@settings(max_examples=200)
@given(portions=PORTIONS, rules=RULES)
def test_portions_in_any_order_give_the_flags_of_one_pass(portions: list[Any], rules: Rules) -> None:
    check_arrival(portions, rules)


@settings(max_examples=200)
@given(portions=flat_portions(), rules=FLAT_RULES)
def test_flat_lines_in_portions(portions: list[Any], rules: Rules) -> None:
    check_arrival(portions, rules)


def check_arrival(portions: list[Any], rules: Rules) -> None:
    """Compare portions, which may overlap: a row that comes again replaces what was known of it."""
    store, everything = frame({}), {}
    for portion in portions:
        store = arrive(store, frame(portion), rules)
        everything |= portion
    expected = omitted(apply_flags(frame(everything), rules, ["site"]), rules)
    order = ["site", "time"]
    assert_frame_equal(store.sort(order), expected.sort(order))


@settings(max_examples=50)
@given(rows=PORTION, rules=RULES)
def test_flags_of_flagged_rows_are_the_same(rows: Any, rules: Rules) -> None:
    once = omitted(apply_flags(frame(rows), rules, ["site"]), rules)
    assert_frame_equal(omitted(apply_flags(once, rules, ["site"]), rules), once)
