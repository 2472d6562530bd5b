"""The rows above the data: annotations and header, and the plan by which the rows under them are read."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from labmon_dagster.model.points import BadLine
from labmon_dagster.model.stamps import Zone
from labmon_dagster.sources.annotated_csv.columns import Column, Role, bare, virtual
from labmon_dagster.sources.annotated_csv.plan import Plan, plan

_COLUMN = ("#group", "#datatype", "#default")
_ZONE = "#timezone"
_TABLE = ("#constant", "#concat", _ZONE)
_ZONES = Path("/usr/share/zoneinfo")
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Annotations:
    """What was said so far about the rows to come. ``width`` is 0 until the header is read.

    ``trouble``: annotations that cannot be followed, and why; no row is read under them.

    ``strict``: a fraction is refused in every long, as `long:strict` does.
    """

    strict: bool = False
    width: int = 0
    columns: list[Column] = field(default_factory=list)
    zone: Zone = field(default_factory=lambda: Zone("UTC"))
    trouble: dict[str, str] = field(default_factory=dict)
    _virtual: list[Column] = field(default_factory=list)
    _kept: int = 0
    _widths: dict[str, int] = field(default_factory=dict)

    def annotate(self, cells: Sequence[str], line: int) -> bool:
        """Take a row that begins with #; tell whether the rows under it have other columns now.

        Raises ValueError for an annotation that cannot be followed; then no rows can be read under it.
        """
        name = cells[0].split(" ")[0].lower()
        if name in _COLUMN:
            self._describe(name, cells)
        elif name in _TABLE:
            self._add(name, cells)
        else:
            if not is_comment(cells[0]):
                _log.warning("line %d: %r is no annotation labmon knows; it is left out", line, cells[0])
            return False
        return True

    def spoil(self, bad: BadLine) -> None:
        """Note an annotation or header that cannot be read."""
        name = bad.raw.split(" ")[0].split(",")[0].lower() if bad.raw.startswith("#") else "header"
        if name in _COLUMN and self.width:
            self.begin()
        if name == "header":
            self.width = max(self.width, 1)
        self.trouble[name] = f"{name} in line {bad.line}: {bad.reason}"

    def said(self) -> None:
        """Note that rows follow: `#constant` after them belongs to the next table, if one begins."""
        self._kept = len(self._virtual)

    def begin(self) -> None:
        """Begin a table: forget columns, and the constants of the one before."""
        self.columns, self.width = [], 0
        self.trouble = {name: why for name, why in self.trouble.items() if name == _ZONE}
        self._virtual, self._kept, self._widths = self._virtual[self._kept :], 0, {}

    def header(self, cells: Sequence[str]) -> None:
        """Take the header row."""
        self._extend(len(cells))
        for column, text in zip(self.columns, cells, strict=False):
            column.set_label(text)
        self.width = len(cells)

    def plan(self, line: int) -> Plan:
        """Say how the rows below ``line`` are read. Raises ValueError where they cannot be."""
        if self.trouble:
            raise ValueError("; ".join(self.trouble.values()))
        described = self._widths.get("#datatype", self.width)
        if described != self.width:
            raise ValueError(f"#datatype has {described} columns, the header {self.width}")
        return plan([*self.columns, *self._virtual], self.zone, line, strict=self.strict)

    def _describe(self, name: str, cells: Sequence[str]) -> None:
        if self.width:
            self.begin()
        self._extend(len(cells))
        self._widths[name] = len(cells)
        for column, cell in zip(self.columns, cells, strict=False):
            text = bare(cell) if column.index == 0 else cell
            if name == "#datatype":
                column.set_type(text)
            elif name == "#default":
                column.default = text
            elif text.endswith("true") and column.role is None:
                column.role = Role.TAG

    def _extend(self, count: int) -> None:
        self.columns += [Column(n) for n in range(len(self.columns), count)]

    def _add(self, name: str, cells: Sequence[str]) -> None:
        try:
            if name == _ZONE:
                self.zone = _zone(bare(cells[0]) or "".join(cells[1:2]))
                self.trouble.pop(_ZONE, None)
            else:
                self._virtual.append(virtual(cells, concat=name == "#concat"))
        except ValueError as error:
            self.trouble[name] = str(error)
            raise


def is_comment(text: str) -> bool:
    """Whether a line says nothing: it begins with "# "."""
    return text == "#" or text.startswith("# ")


def _zone(name: str) -> Zone:
    """The zone of `#timezone`: +hhmm, -hhmm, Local or an IANA name. Raises ValueError."""
    if name.lower() != "local":
        return Zone(name or "UTC")
    here = _local_name(os.environ)
    if here is None:
        raise ValueError(
            "#timezone Local: this computer does not tell the name of its zone; write +hhmm or a name"
        )
    return Zone(here)


def _local_name(environment: Mapping[str, str]) -> str | None:
    named = environment.get("TZ", "").removeprefix(":")
    if named:
        return named
    place = Path("/etc/localtime")
    if not place.exists():
        return "UTC"
    real = place.resolve()
    return str(real.relative_to(_ZONES)) if real.is_relative_to(_ZONES) else None
