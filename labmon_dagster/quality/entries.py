"""The rules of a field: one for all its series, or a list in which each series finds its own."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Annotated, Any, TypeAlias

from pydantic import TypeAdapter, WrapValidator

from labmon_dagster.quality.rules import FieldRules

_OneOrMore: TypeAlias = FieldRules | Sequence[FieldRules]
_Given: TypeAlias = FieldRules | list[FieldRules]

_MANY = TypeAdapter(list[FieldRules])


def _either(given: Any, _: object) -> _Given:
    """Validate one rule or a list, and leave it in its form: Dagster looks there for what the YAML says.

    A union by itself would complain of both forms at once.
    """
    if not isinstance(given, (list, tuple)):
        return _MANY.validate_python([given])[0]
    return _all_reached(_MANY.validate_python(given))


def _all_reached(rules: list[FieldRules]) -> list[FieldRules]:
    if not rules:
        raise ValueError("an empty list tests nothing; give rules, or leave the field out")
    for at, rule in enumerate(rules):
        for before, other in enumerate(rules[:at]):
            if other.where.items() <= rule.where.items():
                raise ValueError(
                    f"rule {at + 1} is never reached, as rule {before + 1} takes all its series: "
                    f"{_told(other)}; the first rule that fits counts, so write the narrower one first"
                )
    return rules


def _told(rule: FieldRules) -> str:
    named = ", ".join(f"{tag}: {text!r}" for tag, text in rule.where.items())
    return f"its where is {{{named}}}" if named else "it has no where"


RuleEntry: TypeAlias = Annotated[_Given, WrapValidator(_either)]
"""What YAML says of a field: one rule, or a list of them."""

Rules: TypeAlias = Mapping[str, _OneOrMore]
"""By field: its rule, or a list of which a series has the first whose ``where`` fits its tags."""


def listed(entry: _OneOrMore) -> Sequence[FieldRules]:
    """Give the rules of a field, in the order in which they are tried."""
    return (entry,) if isinstance(entry, FieldRules) else entry


def tags_in(entry: _OneOrMore) -> set[str]:
    """Give the tags by which the rules of a field are told apart."""
    return {tag for rule in listed(entry) for tag in rule.where}


def check_tags(rules: Rules, tags: Collection[str]) -> None:
    """Raise ValueError, naming the field, where a rule asks for a tag that is none of ``tags``."""
    for field, entry in rules.items():
        unknown = sorted(tags_in(entry) - set(tags))
        if unknown:
            allowed = ", ".join(sorted(tags)) or "there is none"
            raise ValueError(f"quality {field}: where: no tag {', '.join(unknown)}; allowed: {allowed}")
