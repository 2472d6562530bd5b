"""What YAML says of bins: `bin: 1s`, or how long a pause is filled besides."""

from __future__ import annotations

from typing import Annotated, Any, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, WrapValidator

from labmon_dagster.binning.frames import FILLED
from labmon_dagster.binning.pieces import Grid
from labmon_dagster.model import DAY
from labmon_dagster.quality import nanoseconds


class BinSpec(BaseModel):
    """Bins of a length, and the longest pause between two readings that is filled (60 bins if not given)."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    every: Annotated[str, Field(description="length of a bin, which divides a day: 1s, 1min, 1h")]
    longest: Annotated[str | None, Field(description="longest pause that is filled: 10min")] = None


def grid_of(entry: str | BinSpec) -> Grid:
    """Understand what YAML says. Raises ValueError for bins that do not divide a day."""
    spec = BinSpec(every=entry) if isinstance(entry, str) else entry
    interval = nanoseconds(spec.every)
    if DAY % interval:
        raise ValueError(
            f"{spec.every} does not divide a day, and each day's bins begin at its midnight; "
            "write a length that does, as 1s, 5s, 10s, 1min, 30min or 1h"
        )
    longest = FILLED * interval if spec.longest is None else nanoseconds(spec.longest)
    if longest < interval:
        raise ValueError(f"longest: {spec.longest} is shorter than a bin of {spec.every}")
    return Grid(interval, longest)


def _either(given: Any, _: object) -> str | BinSpec:
    """Validate either form, and leave it as it is; a union by itself would complain of both at once."""
    if isinstance(given, dict | BinSpec):
        given = BinSpec.model_validate(given)
    else:
        nanoseconds(given)
    grid_of(given)
    return given  # type: ignore[no-any-return]


BinEntry: TypeAlias = Annotated[str | BinSpec, WrapValidator(_either)]
"""The length of a bin (``1s``), or a `BinSpec`."""
