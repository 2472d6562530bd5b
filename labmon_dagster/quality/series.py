"""Which rule is that of which rows: rows are parted so that each part has one rule a field.

As rules are told apart by tags, a part has whole series, and tests among neighbours miss no row.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

import polars as pl

from labmon_dagster.quality.entries import Rules, listed, tags_in
from labmon_dagster.quality.rules import FieldRules

_PART = "#part"
# YAML may not say it: every value is not evaluated, or missing.
_UNTESTED = FieldRules.model_construct()

OneEach: TypeAlias = Mapping[str, FieldRules]
Change: TypeAlias = Callable[[pl.DataFrame, OneEach], pl.DataFrame]


def change_by_rules(rows: pl.DataFrame, rules: Rules, change: Change) -> pl.DataFrame:
    """Give what ``change`` makes of the rows under each choice of rules, in the order they came."""
    entries = {field: listed(entry) for field, entry in rules.items()}
    named = sorted(set().union(*map(tags_in, rules.values())) & set(rows.columns))
    if not named or rows.is_empty():
        return change(rows, _chosen(entries, {}))
    choices, series = _choices(rows.select(named).unique(), entries)
    if len(choices) == 1:
        return change(rows, choices[0])
    numbers = rows.select(named).join(series, on=named, how="left", maintain_order="left")[_PART]
    parts = [(numbers == number).arg_true() for number in range(len(choices))]
    changed = [change(rows[part], choice) for part, choice in zip(parts, choices, strict=True)]
    return pl.concat(changed)[pl.concat(parts).arg_sort()]


def _choices(
    series: pl.DataFrame, entries: Mapping[str, Sequence[FieldRules]]
) -> tuple[list[OneEach], pl.DataFrame]:
    """Give the choices of rules there are, and the series with the number of theirs."""
    choices: list[OneEach] = []
    known: dict[tuple[int, ...], int] = {}
    numbers = []
    for tags in series.iter_rows(named=True):
        choice = _chosen(entries, tags)
        numbers.append(known.setdefault(tuple(map(id, choice.values())), len(known)))
        if len(known) > len(choices):
            choices.append(choice)
    return choices, series.with_columns(pl.Series(_PART, numbers, dtype=pl.Int64))


def _chosen(entries: Mapping[str, Sequence[FieldRules]], tags: Mapping[str, str]) -> OneEach:
    return {
        field: next((rule for rule in rules if rule.fits(tags)), _UNTESTED)
        for field, rules in entries.items()
    }
