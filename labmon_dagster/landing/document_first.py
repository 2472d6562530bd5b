"""Documents whose ids say all of their content: of those of one id the first that was received stays.

Whatever comes again under such an id repeats what is there, so that nothing collides.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from labmon_dagster.landing.document_judge import ID, Judged, rows_of
from labmon_dagster.landing.merge import FATE, LOST, REPEATED, STORED, Merged
from labmon_dagster.model import ORDER, PLACE
from labmon_dagster.stores.base import ADOPTED, READ, VERSION_SHIFT
from labmon_dagster.stores.documents.kept import Kept

_HELD = "held:"


def judge_first(new: Sequence[Kept], held: Mapping[str, Kept]) -> Judged:
    """Judge documents by their id and by when they were received, which order and place say.

    One that is ``held`` is written again if it was received earlier than that, or if the held one was made
    under other settings.
    """
    documents = [*new, *held.values()]
    rows = rows_of(documents)
    given, there = rows.head(len(new)), rows.slice(len(new))
    first = given.sort(ORDER, PLACE, maintain_order=True).unique(ID, keep="first", maintain_order=True)
    beside = there.select(ID, *(pl.col(name).alias(f"{_HELD}{name}") for name in (ORDER, PLACE, READ)))
    pairs = first.join(beside, on=ID, how="left", maintain_order="left")
    alone = pl.col(f"{_HELD}{READ}").is_null()
    stored = pairs.filter(alone).select(rows.columns)
    anew = pairs.filter(~alone & (_earlier() | _otherwise())).select(rows.columns)
    fate = pl.when(pl.col("_number").is_in(stored["_number"].implode())).then(pl.lit(STORED))
    judged = given.with_columns(fate.otherwise(pl.lit(REPEATED)).alias(FATE))
    writes = pl.concat([stored, anew.with_columns(pl.col(READ) | ADOPTED)])
    nobody = given.clear().with_columns(pl.lit("").alias(FATE), pl.lit(False).alias(LOST))
    return Judged(Merged(judged, writes, nobody.drop(LOST), nobody), documents, new, held)


def _earlier() -> pl.Expr:
    """Whether a document was received before the one that is held."""
    order, place = pl.col(f"{_HELD}{ORDER}"), pl.col(f"{_HELD}{PLACE}")
    return (pl.col(ORDER) < order) | ((pl.col(ORDER) == order) & (pl.col(PLACE) < place))


def _otherwise() -> pl.Expr:
    """Whether the one that is held was made under other settings."""
    return pl.col(f"{_HELD}{READ}") // (1 << VERSION_SHIFT) != pl.col(READ) // (1 << VERSION_SHIFT)
