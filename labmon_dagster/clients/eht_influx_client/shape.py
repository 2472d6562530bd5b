"""What the columns of a DataFrame are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Shape:
    """The columns that are ``tags``, those that are ``fields``, and tags every row has by ``default``."""

    measurement: str
    tags: Sequence[str]
    fields: Sequence[str]
    default: Mapping[str, str]
