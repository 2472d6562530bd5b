"""Columns of a table, and what their annotations make of them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import polars as pl

from labmon_dagster.sources.annotated_csv.cells import Cells

_PLACEHOLDER = re.compile(r"\$\{([^}]+)\}")


class Role(StrEnum):
    """What a column is in a point; a column without role is a field, or nothing in a Flux result."""

    MEASUREMENT = "measurement"
    TAG = "tag"
    FIELD = "field"
    TIME = "time"
    IGNORED = "ignored"


@dataclass(slots=True)
class Column:
    """A column: its place in the rows (-1: in none), and what annotations and header say about it.

    ``type`` "" stands for values that are copied as they are. ``template`` (of `#concat`) puts the texts of
    other columns together.
    """

    index: int
    label: str = ""
    type: str = ""
    form: str = ""
    default: str = ""
    role: Role | None = None
    template: str = ""

    @property
    def number(self) -> int:
        """The column counted from 1; 0 where it stands in no row."""
        return self.index + 1

    def set_type(self, text: str) -> None:
        """Take `type`, `type:format` or `type|default`."""
        text, mark, default = text.partition("|")
        if mark and not self.default:
            self.default = default
        name, _, form = text.partition(":")
        if not name:
            return
        self.form = form
        self.role = _role(name) or self.role
        self.type = {"field": "", "time": "dateTime"}.get(name, name)

    def set_label(self, text: str) -> None:
        """Take the name in the header: `name`, or, if the type is not known yet, `name|type|default`."""
        self.label, mark, rest = (text, "", "") if self.type else text.partition("|")
        if mark:
            self.set_type(rest)


def _role(name: str) -> Role | None:
    if name.startswith("ignore"):
        return Role.IGNORED
    return Role.TIME if name == "dateTime" else Role(name) if name in set(Role) else None


def virtual(cells: Sequence[str], *, concat: bool) -> Column:
    """Make the column of `#constant` or `#concat`. Raises ValueError where it has no type or no name."""
    column = Column(-1)
    column.set_type(bare(cells[0]))
    rest = list(cells[1:])
    if not column.type and column.role is None and rest:
        column.set_type(rest.pop(0))
    if not column.type and column.role is None:
        raise ValueError(f"{cells[0]}: a datatype, a name and a value are wanted")
    label, value = [*rest, "", ""][:2]
    if column.role in {Role.MEASUREMENT, Role.TIME} and not value:
        label, value = "", label
    if not label and column.role not in {Role.MEASUREMENT, Role.TIME}:
        raise ValueError(f"{cells[0]}: the {column.role or column.type} has no name")
    column.label = label or f"{cells[0].split(' ')[0]} {column.role}"
    if concat:
        column.template = value
    else:
        column.default = value or column.default
    return column


def bare(text: str) -> str:
    """A cell without the `#annotation ` before it."""
    return text.partition(" ")[2].lstrip(" ") if text.startswith("#") else text


def placeholders(template: str) -> list[str]:
    """The labels a template of `#concat` names."""
    return _PLACEHOLDER.findall(template)


def texts(column: Column, cells: Cells, columns: Sequence[Column]) -> pl.Series:
    """Give the text of a column in each row, with its default; null where there is none."""
    if column.template:
        return _put_together(column.template, cells, columns)
    height = cells.frame.height
    if column.index < 0:
        return pl.repeat(column.default or None, height, dtype=pl.String, eager=True)
    found = cells.frame.to_series(column.index)
    return found.fill_null(column.default) if column.default else found


def _put_together(template: str, cells: Cells, columns: Sequence[Column]) -> pl.Series:
    parts: list[pl.Expr] = []
    for number, text in enumerate(_PLACEHOLDER.split(template)):
        if number % 2:
            named = next(column for column in columns if column.label == text)
            parts.append(pl.lit(texts(named, cells, columns).fill_null("")))
        else:
            parts.append(pl.lit(text))
    whole = pl.select(pl.concat_str(parts)).to_series()
    if len(whole) != cells.frame.height:  # a template without placeholders
        whole = pl.repeat(whole[0], cells.frame.height, eager=True)
    return whole.set(whole == "", None)
