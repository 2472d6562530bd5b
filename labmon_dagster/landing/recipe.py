"""What is done to rows between a source and a store: computed columns, flags, values left out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import polars as pl

from labmon_dagster.quality import FLAG_SUFFIX, FieldRules, Rules, apply_flags, listed, omitted, reach


@dataclass(frozen=True, slots=True)
class Recipe:
    """``computed``: field → SQL expression over other fields. ``rules``: see `Rules`."""

    computed: Mapping[str, str] = field(default_factory=dict)
    rules: Rules = field(default_factory=dict)

    @property
    def reach(self) -> int:
        """How far in time (ns) one row can change the flags of another."""
        return reach(self.rules)

    @property
    def flags(self) -> list[str]:
        """The flag columns these rules give, whether a frame has their fields or not."""
        return [f"{name}{FLAG_SUFFIX}" for name in self.rules]

    @property
    def inputs(self) -> set[str]:
        """The columns that computed ones are made of; none of an expression that cannot be read."""
        names: set[str] = set()
        for expression in self.computed.values():
            with suppress(pl.exceptions.PolarsError):
                names.update(pl.sql_expr(expression).meta.root_names())
        return names

    def omits_in(self, fields: Iterable[str]) -> list[str]:
        """List those of ``fields`` whose wrong values are left out, in some series at least."""
        return [name for name in fields if name in self.rules and _omits(listed(self.rules[name]))]

    def prepare(self, rows: pl.DataFrame, tags: Sequence[str]) -> pl.DataFrame:
        """Give rows with computed columns, and without values that are to be left out (they stay flagged).

        Only what a row tells by itself is judged here. Raises ValueError where an expression names a
        column there is not, or a column has the name of a flag.
        """
        for name, expression in self.computed.items():
            try:
                value = pl.sql_expr(expression).cast(pl.Float64).fill_nan(None)
                rows = rows.with_columns(value.alias(name))
            except pl.exceptions.PolarsError as error:
                raise ValueError(f"computed column {name} = {expression!r}: {error}") from error
        taken = sorted(set(self.flags).intersection(rows.columns))
        if taken:
            raise ValueError(f"{', '.join(taken)}: a flag has this name; give the column another one")
        leaving_out = {name: [*map(_alone, listed(self.rules[name]))] for name in self.omits_in(self.rules)}
        return omitted(apply_flags(rows, leaving_out, tags), leaving_out)

    def flag(self, rows: pl.DataFrame, tags: Sequence[str]) -> pl.DataFrame:
        """Give the rows with the flags they have among each other. A field that is no column is missing."""
        absent = [name for name in self.rules if name not in rows.columns]
        filled = rows.with_columns(pl.lit(None, dtype=pl.Float64).alias(name) for name in absent)
        return apply_flags(filled, self.rules, tags).drop(absent)


def _omits(rules: Iterable[FieldRules]) -> bool:
    return any(rule.on_fail == "omit" for rule in rules)


def _alone(rule: FieldRules) -> FieldRules:
    """Give the rule without the tests that look at neighbours."""
    return rule.model_copy(update={"spike": None, "rate_of_change": None, "flat_line": None})
