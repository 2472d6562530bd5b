"""QARTOD flags beside every value: the rules as YAML states them, and the flags they lead to.

`apply_flags` computes the flags of rows in any order, `reach` says how far in time new rows can change
the flags of others, and `omitted` leaves out values that cannot be right where a rule asks for it.
"""

from labmon_dagster.quality.duration import nanoseconds
from labmon_dagster.quality.flags import FLAG_SUFFIX, Flag, apply_flags, omitted, reach
from labmon_dagster.quality.rules import FieldRules, FlatLine, Range, RateOfChange, Rules, Spike

__all__ = [
    "FLAG_SUFFIX",
    "FieldRules",
    "Flag",
    "FlatLine",
    "Range",
    "RateOfChange",
    "Rules",
    "Spike",
    "apply_flags",
    "nanoseconds",
    "omitted",
    "reach",
]
