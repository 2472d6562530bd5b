"""Several rows of one identity: who holds the place in the end, and what becomes of the others.

The rows are judged as if they came one after the other, those a store holds first, so that it makes no
difference how they are cut into batches or reads:

- the same values as the holder's: repeated; the holder keeps its place, under the later order of both;
- other values, later in the source's order: the row takes the place, and the holder has collided;
- other values, earlier in the source's order: the row has collided;
- other values from the very place in the source, or beside a holder that was read under other
  settings: a correction; the row takes the place and nobody has collided.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import polars as pl

from labmon_dagster.model import ORDER, PLACE
from labmon_dagster.stores.base import READ, VERSION_SHIFT, adopted

STORED, REPEATED, COLLIDED = "stored", "repeated", "collided"
FATE, LOST = "_fate", "_lost"
_AT = "_at"

_Numbers: TypeAlias = np.ndarray[tuple[int], np.dtype[np.int64]]
_Truths: TypeAlias = np.ndarray[tuple[int], np.dtype[np.bool_]]


@dataclass(frozen=True, slots=True)
class Verdict:
    """``judged``: the new rows with their fate, in their order. ``writes``: rows for the store.

    ``displaced``: rows the store held that lost their place, with their fate. ``events``: rows that lost
    or won a place (``_lost``: which), one after the other.
    """

    judged: pl.DataFrame
    writes: pl.DataFrame
    displaced: pl.DataFrame
    events: pl.DataFrame


def contest(
    new: pl.DataFrame,
    held: pl.DataFrame,
    key: Sequence[str],
    values: Sequence[str],
    ranked_by: Sequence[str] = (),
) -> Verdict:
    """Judge ``new`` rows in the order they came. Both frames have ``key``, ``values`` and hidden columns.

    Rows that no store is to hold may lack the number of their read. ``ranked_by``: values that decide, the
    larger over the smaller, where rows stand equal in the source's order.
    """
    tokens = [] if READ in new.columns else [pl.lit(0, dtype=pl.Int64).alias(READ)]
    both = pl.concat([held, new.with_columns(tokens)], how="diagonal").with_row_index(_AT)
    rows = both.sort(*key, maintain_order=True)
    line = _Line(rows, key, values, held.height, ranked_by)
    rows = rows.with_columns(pl.Series(FATE, line.fates)).drop(_AT)
    judged = rows[np.flatnonzero(line.new)[np.argsort(line.at[line.new])]]
    writes, begins = line.outcome()
    events, lost = line.events()
    return Verdict(
        judged.select(*new.columns, FATE),
        rows[writes].with_columns(pl.Series(READ, line.tokens[begins])).select(new.columns),
        rows[line.ousted[~line.new[line.ousted]]],
        rows[events].with_columns(pl.Series(LOST, lost)),
    )


class _Line:
    """Rows by identity and then as they came, as arrays of one number a row."""

    def __init__(
        self,
        rows: pl.DataFrame,
        key: Sequence[str],
        values: Sequence[str],
        held: int,
        ranked_by: Sequence[str],
    ) -> None:
        self.at = rows[_AT].to_numpy().astype(np.int64)
        self.new = self.at >= held
        self.first = _array(rows, pl.any_horizontal(pl.col(n).ne_missing(pl.col(n).shift(1)) for n in key))
        self.first[0] = True
        token = rows[READ].to_numpy()
        foreign = ~self.new & (token >> VERSION_SHIFT != token[self.new][0] >> VERSION_SHIFT)
        self.tokens = np.where(foreign, adopted(int(token[self.new][0])), token)
        self.rank = np.where(foreign, 0, _rank(rows, ranked_by))
        self.numbers = np.arange(rows.height)
        height = np.cumsum(self.first) * (rows.height + 1) + self.rank
        takes = height == np.maximum.accumulate(height)
        self.taker = np.maximum.accumulate(np.where(takes, self.numbers, 0))
        before = np.concatenate([[0], self.taker[:-1]])
        self.same = ~self.first & _equal(rows, values, before)
        self.begins = self.first | (takes & ~self.same)
        self.chain = np.maximum.accumulate(np.where(self.begins, self.numbers, 0))
        self.wins = self.numbers[self.begins & ~self.first]
        self.ousted = self.chain[self.wins - 1]
        rival = self.rank[before[self.wins]]
        self.by_rival = (self.rank[self.wins] > rival) & (rival > 0)

    @property
    def fates(self) -> list[str]:
        """What became of each row."""
        fates = np.where(self.begins, STORED, np.where(self.same, REPEATED, COLLIDED))
        fates[self.ousted] = np.where(self.by_rival, COLLIDED, REPEATED)
        return [str(fate) for fate in fates]

    def outcome(self) -> tuple[_Numbers, _Numbers]:
        """Give the rows to write, and beside each the row its values were first met in."""
        last = np.append(self.first[1:], True)
        taker, begin = self.taker[last], self.chain[last]
        written = self.new[taker] & (self.new[begin] | (self.rank[taker] > self.rank[begin]))
        return taker[written], begin[written]

    def events(self) -> tuple[_Numbers, _Truths]:
        """Give the rows that lost or won a place, in the order in which it happened, and which of both."""
        beaten = self.numbers[~self.begins & ~self.same]
        rows = np.concatenate([beaten, self.ousted[self.by_rival], self.wins])
        when = np.concatenate([beaten, self.wins[self.by_rival], self.wins])
        lost = np.arange(len(rows)) < len(rows) - len(self.wins)
        order = np.argsort(when, kind="stable")
        return rows[order], lost[order]


def _rank(rows: pl.DataFrame, ranked_by: Sequence[str]) -> _Numbers:
    """Where each row stands in the source's order, from 1; rows of one place stand equal."""
    # A value that is missing, or was left out, stands below all others.
    keys = [rows[ORDER].to_numpy(), rows[PLACE].to_numpy()]
    keys += [rows[name].fill_null(-np.inf).to_numpy() for name in ranked_by]
    by_order = np.lexsort(keys[::-1])
    moved = np.zeros(rows.height, dtype=np.bool_)
    for values in keys:
        moved[1:] |= values[by_order][1:] != values[by_order][:-1]
    rank = np.empty(rows.height, dtype=np.int64)
    rank[by_order] = np.cumsum(moved) + 1
    return rank


def _equal(rows: pl.DataFrame, values: Sequence[str], other: _Numbers) -> _Truths:
    index = pl.lit(pl.Series(other))
    equal = [pl.col(name).eq_missing(pl.col(name).gather(index)) for name in values]
    return _array(rows, pl.all_horizontal(pl.repeat(True, pl.len()), *equal))


def _array(rows: pl.DataFrame, condition: pl.Expr) -> _Truths:
    return rows.select(condition).to_series().to_numpy().copy()
