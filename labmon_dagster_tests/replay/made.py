"""Points as hypothesis makes them: any names, values and times that every form can carry."""

from __future__ import annotations

import polars as pl
import pyarrow as pa
from hypothesis import strategies as st

from labmon_dagster.model import PLACE, TIME, Field, FieldType, Measurement
from labmon_dagster.model.points import Points

_PLAIN = st.characters(codec="utf-8", exclude_characters='\\"#,=', exclude_categories=("Cc", "Cs", "Zs"))
_NAME = st.text(st.one_of(_PLAIN, st.sampled_from(" ,=")), min_size=1, max_size=6)
NAMES = _NAME.filter(
    lambda name: (
        name.isprintable() and name.strip() == name and name[0] not in "_^*" and name.lower() != "time"
    )
)
TAG_TEXTS = st.text(st.one_of(_PLAIN, st.sampled_from(' ,=\\"')), max_size=5).filter(
    lambda text: not text.endswith("\\")
)
TEXTS = st.text(st.one_of(st.characters(codec="utf-8"), st.sampled_from('\n\r"\\ ,=#')), max_size=8)
NS = st.integers(-(2**62), 2**62 - 1)
VALUES = {
    FieldType.FLOAT: st.floats(allow_nan=False, allow_infinity=False),
    FieldType.INTEGER: st.integers(-(2**63), 2**63 - 1),
    FieldType.BOOLEAN: st.booleans(),
    FieldType.TEXT: TEXTS,
}


@st.composite
def points(draw: st.DrawFn, *, timeless: bool = True, distinct: bool = False) -> Points:
    """Draw up to 20 rows of a measurement; every row has a value, and maybe no time."""
    names = draw(st.lists(NAMES, min_size=2, max_size=6, unique_by=str.lower))
    cut = draw(st.integers(0, min(3, len(names) - 1)))
    fields = tuple(Field(name, draw(st.sampled_from(FieldType))) for name in names[cut:])
    about = Measurement(draw(NAMES), tuple(sorted(names[:cut])), fields)
    ns = NS if distinct else st.one_of(NS, st.sampled_from([0, 1, -1]))
    times = draw(st.lists(st.none() | ns if timeless else ns, min_size=1, max_size=20, unique=distinct))
    columns: list[list[object]] = [times, *([draw(TAG_TEXTS) for _ in times] for _ in about.tags)]
    columns += [[draw(st.none() | VALUES[field.type]) for _ in times] for field in fields]
    for row in range(len(times)):
        if all(column[row] is None for column in columns[cut + 1 :]):
            columns[cut + 1][row] = draw(VALUES[fields[0].type])
    columns += [[0] * len(times), [*range(1, len(times) + 1)]]
    arrays = [pa.array(column, kind) for column, kind in zip(columns, about.schema.types, strict=True)]
    return Points(about, pl.DataFrame(pa.table(arrays, names=about.schema.names)))


def same(found: Points, given: Points) -> None:
    """Compare, -0.0 apart from 0.0; the places are those of the text."""
    assert found.measurement.name == given.measurement.name
    assert found.measurement.tags == given.measurement.tags
    kinds = {field.name: field.type for field in given.measurement.fields}
    assert {field.name: field.type for field in found.measurement.fields} == kinds
    ours, theirs = (_plain(one.rows, sorted(given.rows.columns)) for one in (found, given))
    assert ours.schema == theirs.schema
    assert repr(ours.rows()) == repr(theirs.rows())


def _plain(rows: pl.DataFrame, names: list[str]) -> pl.DataFrame:
    """Give rows with their time as ns, without the place."""
    return rows.select(names).drop(PLACE).with_columns(rows[TIME].to_physical())


def one_point(**fields: float) -> Points:
    """A row of measurement m, without tags, at 1 ns."""
    about = Measurement("m", (), tuple(Field(name) for name in fields))
    values = [[1], *([value] for value in fields.values()), [0], [1]]
    arrays = [pa.array(column, kind) for column, kind in zip(values, about.schema.types, strict=True)]
    return Points(about, pl.DataFrame(pa.table(arrays, names=about.schema.names)))
