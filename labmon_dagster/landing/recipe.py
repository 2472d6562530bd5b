"""What is done to rows between a source and a store: computed columns, flags, values left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl

from labmon_dagster.quality import FLAG_SUFFIX, FieldRules, Rules, apply_flags, omitted, reach


@dataclass(frozen=True, slots=True)
class Recipe:
    """``computed``: field → SQL expression over other fields. ``rules``: field → its tests."""

    computed: Mapping[str, str] = field(default_factory=dict)
    rules: Rules = field(default_factory=dict)

    @property
    def reach(self) -> int:
        """How far in time (ns) one row can change the flags of another."""
        return reach(self.rules)

    def prepare(self, rows: pl.DataFrame, tags: Sequence[str]) -> pl.DataFrame:
        """Rows with computed columns, and without the values that are to be left out (they stay flagged).

        Only what a row tells by itself is judged here. Raises ValueError where an expression names a
        column there is not.
        """
        for name, expression in self.computed.items():
            try:
                rows = rows.with_columns(pl.sql_expr(expression).cast(pl.Float64).alias(name))
            except pl.exceptions.PolarsError as error:
                raise ValueError(f"computed column {name} = {expression!r}: {error}") from error
        leaving_out = {name: _alone(rules) for name, rules in self.rules.items() if rules.on_fail == "omit"}
        return omitted(apply_flags(rows, leaving_out, tags), leaving_out)

    def flag(self, rows: pl.DataFrame, tags: Sequence[str]) -> pl.DataFrame:
        """The rows with the flags they have among each other."""
        return apply_flags(rows, self.rules, tags)

    def flags_in(self, rows: pl.DataFrame) -> list[str]:
        """The flag columns these rules give to a frame with those columns."""
        return [f"{name}{FLAG_SUFFIX}" for name in self.rules if name in rows.columns]


def _alone(rules: FieldRules) -> FieldRules:
    """The rules without those that look at neighbours."""
    return rules.model_copy(update={"spike": None, "rate_of_change": None, "flat_line": None})
