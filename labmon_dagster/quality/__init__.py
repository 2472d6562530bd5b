"""QARTOD flags beside every value: the rules as YAML states them, and the flags they lead to.

A field of a component's YAML has a `RuleEntry`: one rule for all series, or a list of rules for some.
`apply_flags` computes the flags of rows in any order, `reach` says how far in time new rows can change
the flags of others, and `omitted` leaves out values that cannot be right where a rule asks for it.
"""

from labmon_dagster.quality.duration import nanoseconds
from labmon_dagster.quality.entries import RuleEntry, Rules, check_tags, listed
from labmon_dagster.quality.flags import FLAG_SUFFIX, Flag, apply_flags, omitted, reach
from labmon_dagster.quality.rules import FieldRules, FlatLine, Range, RateOfChange, Spike

__all__ = [
    "FLAG_SUFFIX",
    "FieldRules",
    "Flag",
    "FlatLine",
    "Range",
    "RateOfChange",
    "RuleEntry",
    "Rules",
    "Spike",
    "apply_flags",
    "check_tags",
    "listed",
    "nanoseconds",
    "omitted",
    "reach",
]
