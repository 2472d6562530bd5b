"""What YAML may say about quality, and every way in which it is refused."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from pydantic import BaseModel, TypeAdapter, ValidationError

from labmon_dagster.quality import (
    FieldRules,
    FlatLine,
    Range,
    RateOfChange,
    RuleEntry,
    Spike,
    check_tags,
    listed,
    nanoseconds,
)

SAMPLE = """
Calibration_PPFD: {sentinels: [7999, -7999]}
PPFD:
  range: {fail: [-10, 3000], suspect: [0, 2600]}
  spike: {suspect: 300, fail: 1000, within: 15s}
  rate_of_change: {suspect: 10, fail: 50, per: 1s, within: 15s}
  flat_line: {tolerance: 0.01, suspect: 10min, fail: 1h}
  on_fail: omit
"""
BY_SERIES = """
value:
  - where: {source: plc, module: "1"}
    range: {suspect: [-60, 20]}
  - where: {source: plc}
    range: {suspect: [-60, 40]}
  - sentinels: [-1]
"""


def parse(text: str) -> dict[str, RuleEntry]:
    return TypeAdapter(dict[str, RuleEntry]).validate_python(yaml.safe_load(text))


def refusal(rule: str) -> str:
    """Return what a station keeper reads after writing ``rule``."""
    with pytest.raises(ValidationError) as caught:
        FieldRules.model_validate(yaml.safe_load(rule))
    return str(caught.value)


def test_the_sample_is_understood() -> None:
    rules = parse(SAMPLE)
    assert rules["Calibration_PPFD"] == FieldRules(sentinels=(7999.0, -7999.0))
    assert rules["PPFD"] == FieldRules(
        range=Range(fail=(-10, 3000), suspect=(0, 2600)),
        spike=Spike(suspect=300, fail=1000, within="15s"),
        rate_of_change=RateOfChange(suspect=10, fail=50, within="15s"),
        flat_line=FlatLine(tolerance=0.01, suspect="10min", fail="1h"),
        on_fail="omit",
    )


def test_rules_for_some_series_are_understood_in_their_order() -> None:
    rules = listed(parse(BY_SERIES)["value"])
    assert [rule.where for rule in rules] == [{"source": "plc", "module": "1"}, {"source": "plc"}, {}]
    assert [rule.fits({"source": "plc", "module": "2"}) for rule in rules] == [False, True, True]
    assert FieldRules(where={"source": ""}, sentinels=[1]).fits({}), "an absent tag is ''"
    alone = parse("value: {where: {source: plc}, sentinels: [1]}")["value"]
    assert [rule.where for rule in listed(alone)] == [{"source": "plc"}]


def test_rules_are_frozen() -> None:
    rule = FieldRules(sentinels=[1])
    with pytest.raises(ValidationError, match="frozen"):
        rule.on_fail = "keep"  # type: ignore[misc]


def test_rules_nest_in_any_model_and_come_back_from_json() -> None:
    class Station(BaseModel):
        quality: dict[str, RuleEntry] = {}

    station = Station.model_validate({"quality": yaml.safe_load(SAMPLE + BY_SERIES)})
    assert Station.model_validate_json(station.model_dump_json(exclude_unset=True)) == station
    assert Station.model_json_schema()


def test_defaults() -> None:
    rule = FieldRules(sentinels=[1])
    assert (rule.on_fail, rule.range, rule.spike) == ("keep", None, None)
    assert RateOfChange(fail=1, within="1s").per == "1s"
    assert FlatLine(fail="1h").tolerance == 0


@pytest.mark.parametrize(
    "rule",
    [
        "range: {fail: [0, 0]}",
        "range: {suspect: [-1, 1]}",
        "range: {fail: [0, 1], suspect: [0, 1]}",
        "range: {fail: [0, 1e3]}",  # YAML 1.1 reads 1e3 as text
        "spike: {suspect: 0, within: 1s}",
        "spike: {fail: 2, within: 1 s}",
        "flat_line: {suspect: 59min, fail: 1h}",
        "{sentinels: [-9999], on_fail: omit}",
        "{range: {fail: [0, 1]}, spike: {fail: 1, within: 1s}, on_fail: omit}",
        "{sentinels: [], range: {fail: [0, 1]}}",
    ],
)
def test_these_are_accepted(rule: str) -> None:
    assert FieldRules.model_validate(yaml.safe_load(rule))


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("{}", ["no test is named", "sentinels, range, spike, rate_of_change, flat_line"]),
        ("on_fail: keep", ["no test is named"]),
        ("sentinels: []", ["no test is named"]),
        ("spike:", ["spike: has no value", "leave the key out"]),
        ("range: {fail: }", ["fail: has no value"]),
        ("{sentinels: [1], rnage: {fail: [0, 1]}}", ["rnage", "not permitted"]),
        ("range: {fial: [0, 1]}", ["fial", "not permitted"]),
        ("spike: {fail: 1, within: 1s, per: 1s}", ["per", "not permitted"]),
        ("sentinels: 7999", ["list of numbers", "[7999, -7999]"]),
        ("sentinels: '7999'", ["list of numbers"]),
        ("sentinels: [7999, -7999, 7999.0]", ["7999 stands there twice"]),
        ("sentinels: [true]", ["True", "finite number"]),
        ("sentinels: [.nan]", ["finite number"]),
        ("sentinels: [NAN]", ["finite number"]),
        ("sentinels: [.inf]", ["finite number"]),
        ("sentinels: [broken]", ["'broken'", "finite number"]),
        ("sentinels: [[1]]", ["finite number"]),
        ("range: {}", ["neither suspect nor fail"]),
        ("range: [0, 1]", ["range"]),
        ("range: {fail: [1, 0]}", ["low is above high", "[low, high]"]),
        ("range: {suspect: [1, 0]}", ["low is above high"]),
        ("range: {fail: [0]}", ["two numbers, [low, high]"]),
        ("range: {fail: [0, 1, 2]}", ["two numbers, [low, high]"]),
        ("range: {fail: 3}", ["two numbers, [low, high]"]),
        ("range: {fail: [0, .inf]}", ["finite number"]),
        ("range: {fail: [false, 1]}", ["False", "finite number"]),
        ("range: {fail: [0, 10], suspect: [-1, 5]}", ["must lie within the fail span"]),
        ("range: {fail: [0, 10], suspect: [1, 11]}", ["must lie within the fail span"]),
        ("spike: {within: 1s}", ["neither suspect nor fail"]),
        ("spike: {fail: 1}", ["within", "required"]),
        ("spike: {fail: -1, within: 1s}", ["below zero"]),
        ("spike: {suspect: .nan, within: 1s}", ["finite number"]),
        ("spike: {suspect: true, within: 1s}", ["finite number"]),
        ("spike: {suspect: 2, fail: 2, within: 1s}", ["suspect (2) must be smaller than fail (2)"]),
        ("spike: {suspect: 3, fail: 2, within: 1s}", ["must be smaller than fail"]),
        ("spike: {fail: 2, within: 15}", ["15", "ms, s, min, h, d"]),
        ("rate_of_change: {within: 1s}", ["neither suspect nor fail"]),
        ("rate_of_change: {fail: 1}", ["within", "required"]),
        ("rate_of_change: {suspect: -0.5, within: 1s}", ["below zero"]),
        ("rate_of_change: {suspect: 2, fail: 1, within: 1s}", ["must be smaller than fail"]),
        ("rate_of_change: {fail: 1, within: 1s, per: second}", ["'second'", "ms, s, min, h, d"]),
        ("flat_line: {}", ["neither suspect nor fail"]),
        ("flat_line: {tolerance: 1}", ["neither suspect nor fail"]),
        ("flat_line: {tolerance: -1, fail: 1h}", ["below zero"]),
        ("flat_line: {tolerance: .inf, fail: 1h}", ["finite number"]),
        ("flat_line: {suspect: 1h, fail: 60min}", ["shorter time than fail"]),
        ("flat_line: {suspect: 2h, fail: 1h}", ["shorter time than fail"]),
        ("flat_line: {fail: 3}", ["3", "ms, s, min, h, d"]),
        ("{sentinels: [1], on_fail: drop}", ["'keep' or 'omit'"]),
        ("{range: {suspect: [0, 1]}, on_fail: omit}", ["sentinels or range.fail", "could not come back"]),
        ("{spike: {fail: 1, within: 1s}, on_fail: omit}", ["sentinels or range.fail"]),
    ],
)
def test_these_are_refused_in_words(rule: str, words: list[str]) -> None:
    said = refusal(rule)
    for each in words:
        assert each in said


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        ("[]", ["an empty list tests nothing", "leave the field out"]),
        ("[{where: {}, sentinels: [1]}, {where: {a: x}, sentinels: [2]}]", ["rule 2 is never", "no where"]),
        ("[{sentinels: [1]}, {sentinels: [2]}]", ["rule 2 is never reached, as rule 1 takes all"]),
        (
            "[{where: {b: y}, sentinels: [1]}, {where: {a: x}, sentinels: [1]}, "
            "{where: {a: x, b: z}, sentinels: [2]}]",
            ["rule 3 is never reached, as rule 2", "its where is {a: 'x'}", "narrower one first"],
        ),
        ("[{where: {a: 3}, sentinels: [1]}]", ["0.where.a", "valid string"]),
        ("[{where: , sentinels: [1]}]", ["where: has no value"]),
        ("[{where: plc, sentinels: [1]}]", ["0.where", "valid dictionary"]),
        ("[{where: {a: x}}]", ["no test is named"]),
        ("[{where: {a: x}, sentinels: [1, 1]}]", ["0.sentinels", "1 stands there twice"]),
        ("[{sentinels: [1]}, {range: {fial: [0, 1]}}]", ["1.range.fial", "not permitted"]),
        ("{where: {a: x}, range: {fail: [1, 0]}}", ["range.fail", "low is above high"]),
        ("[7999]", ["valid dictionary"]),
        ("7999", ["valid dictionary"]),
    ],
)
def test_lists_of_rules_are_refused_in_words(rules: str, words: list[str]) -> None:
    with pytest.raises(ValidationError) as caught:
        parse(f"value: {rules}")
    for each in words:
        assert each in str(caught.value)


def test_tags_there_are_not() -> None:
    rules = parse(BY_SERIES)
    check_tags(rules, ["module", "source", "other"])
    with pytest.raises(ValueError, match="quality value: where: no tag module; allowed: source"):
        check_tags(rules, ["source"])
    with pytest.raises(ValueError, match="no tag module, source; allowed: there is none"):
        check_tags(rules, [])


@pytest.mark.parametrize(
    ("text", "ns"),
    [
        ("500ms", 500_000_000),
        ("5s", 5_000_000_000),
        (" 10 min ", 600_000_000_000),
        ("2h", 7_200_000_000_000),
        ("1d", 86_400_000_000_000),
        ("366d", 366 * 86_400_000_000_000),
    ],
)
def test_durations(text: str, ns: int) -> None:
    assert nanoseconds(text) == ns


@pytest.mark.parametrize(
    "text",
    ["", "5", "s", "-5s", "0s", "1.5h", "5m", "5S", "1h30min", "٥s", "367d", "9" * 30 + "s", 5, None, True],
)
def test_no_durations(text: Any) -> None:
    with pytest.raises(ValueError, match="500ms, 5s, 10min, 2h or 1d"):
        nanoseconds(text)
