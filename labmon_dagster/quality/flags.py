"""QARTOD flags from rules: first each value by itself, then each value among its neighbours.

A flag depends on nothing but the rows of its series within `reach` of it. So it makes no difference in
which portions or order rows arrive, as long as the flags within `reach` of new or changed rows are
computed again from all rows within twice that.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum

import polars as pl

from labmon_dagster.quality.entries import Rules, listed, tags_in
from labmon_dagster.quality.neighbours import farthest, neighbour_verdicts
from labmon_dagster.quality.rules import FieldRules
from labmon_dagster.quality.series import OneEach, change_by_rules

FLAG_SUFFIX = "_qc"


class Flag(IntEnum):
    """QARTOD's five flags."""

    PASS = 1
    NOT_EVALUATED = 2
    SUSPECT = 3
    FAIL = 4
    MISSING = 9


def reach(rules: Rules) -> int:
    """How far in time, to either side, one row can change the flags of another: ns, 0 for none at all."""
    return max((farthest(rule) for entry in rules.values() for rule in listed(entry)), default=0)


def apply_flags(rows: pl.DataFrame, rules: Rules, tags: Sequence[str]) -> pl.DataFrame:
    """``rows``, in the same order, with an Int8 column ``<field>_qc`` for every field that has a rule.

    ``rows`` has ``time`` (Datetime, or Int64 ns since 1970), the text columns ``tags`` that together
    name a row's series, and field columns of numbers; the rows need not be sorted. A rule whose field
    is no column is skipped. Where a field has rules and none is for a row's series, the row is not
    evaluated. Values never change, and an existing flag column is computed anew; only a value already
    left out (null, flagged 4, ``on_fail: omit``) stays 4.

    Raises `ValueError` if a field with a rule holds no numbers, a rule's ``where`` asks for a column that
    is no tag, or, where a rule looks at neighbours, if ``time`` has another type or two rows of one series
    have the same time.
    """
    present = _present(rows, rules)
    for field, entry in present.items():
        fields = sorted(tags_in(entry).intersection(rows.columns).difference(tags))
        if fields:
            raise ValueError(f"quality rules for {field}: where: {', '.join(fields)} is a field and no tag")
    return change_by_rules(rows, present, lambda part, one_each: _flagged(part, one_each, tags))


def _flagged(rows: pl.DataFrame, present: OneEach, tags: Sequence[str]) -> pl.DataFrame:
    among = {field: _usable(field, rule) for field, rule in present.items() if farthest(rule)}
    found = rows.select(_alone(rows, field, rule).alias(field) for field, rule in present.items())
    if among:
        verdicts = neighbour_verdicts(rows, among, present, tags)
        found = found.with_columns(pl.max_horizontal(found[field], verdicts[field]) for field in among)
    flags = found.select(_final(pl.col(field)).alias(field + FLAG_SUFFIX) for field in present)
    return rows.with_columns(flags.get_columns())


def omitted(rows: pl.DataFrame, rules: Rules) -> pl.DataFrame:
    """``rows`` with null in place of every sentinel or value outside ``range.fail``, where a rule says omit.

    Flags are left as they stand: call `apply_flags` first, as nothing else tells an omitted value from a
    missing one. Raises `ValueError` if a field with a rule holds no numbers.
    """
    return change_by_rules(rows, _present(rows, rules), _without_wrong)


def _without_wrong(rows: pl.DataFrame, rules: OneEach) -> pl.DataFrame:
    return rows.with_columns(
        pl.when(_failed(_value(field), rule)).then(None).otherwise(pl.col(field)).alias(field)
        for field, rule in rules.items()
        if rule.on_fail == "omit"
    )


def _present(rows: pl.DataFrame, rules: Rules) -> Rules:
    present = {field: rule for field, rule in rules.items() if field in rows.columns}
    for field in present:
        kind = rows.schema[field]
        if not (kind.is_float() or kind.is_integer() or kind == pl.Null):
            raise ValueError(f"quality rules for {field}: only numbers can be tested, and it holds {kind}")
    return present


def _value(field: str) -> pl.Expr:
    return pl.col(field).cast(pl.Float64).fill_nan(None)


def _failed(value: pl.Expr, rule: FieldRules) -> pl.Expr:
    """Whether a value is wrong whatever its neighbours are; null for a missing value."""
    failed = value.is_in(list(rule.sentinels))
    if rule.range and rule.range.fail:
        failed = failed | ~value.is_between(*rule.range.fail)
    return failed


def _usable(field: str, rule: FieldRules) -> pl.Expr:
    """Leave null what may not take part in tests among neighbours."""
    value = _value(field)
    return pl.when(value.is_finite() & ~_failed(value, rule)).then(value)


def _alone(rows: pl.DataFrame, field: str, rule: FieldRules) -> pl.Expr:
    """Judge each value by itself: 9, 4, 3, 1, or 0 where nothing was evaluated."""
    value, flag = _value(field), field + FLAG_SUFFIX
    was_omitted = pl.lit(False)
    if rule.on_fail == "omit" and flag in rows.columns:
        was_omitted = value.is_null() & (pl.col(flag) == Flag.FAIL)
    verdict = (
        pl.when(was_omitted | _failed(value, rule))
        .then(_flag(Flag.FAIL))
        .when(value.is_null())
        .then(_flag(Flag.MISSING))
    )
    if rule.range and rule.range.suspect:
        verdict = verdict.when(~value.is_between(*rule.range.suspect)).then(_flag(Flag.SUSPECT))
    if rule.range or rule.sentinels:
        # An infinite value that no span catches has passed nothing.
        verdict = verdict.when(value.is_finite()).then(_flag(Flag.PASS))
    return verdict.otherwise(pl.lit(0, dtype=pl.Int8))


def _final(verdict: pl.Expr) -> pl.Expr:
    return pl.when(verdict == 0).then(_flag(Flag.NOT_EVALUATED)).otherwise(verdict)


def _flag(flag: Flag) -> pl.Expr:
    return pl.lit(flag.value, dtype=pl.Int8)
