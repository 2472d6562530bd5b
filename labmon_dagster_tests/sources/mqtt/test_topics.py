"""Patterns of topics: what is subscribed to, and which detector a topic names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paho.mqtt.client import topic_matches_sub

from labmon_dagster.sources.mqtt.topics import detector_in, filter_of

LEVELS = st.text(st.characters(exclude_characters="+#/{}\0", exclude_categories=["Cs"]), max_size=8)
PATTERNS = st.lists(LEVELS | st.just("+") | st.just("{detector}"), min_size=1, max_size=5).filter(
    lambda levels: levels.count("{detector}") <= 1 and any(levels)
)


@pytest.mark.parametrize(
    ("pattern", "wanted"),
    [
        ("cosmic/{detector}/events", "cosmic/+/events"),
        ("cosmic/#", "cosmic/#"),
        ("+/{detector}/#", "+/+/#"),
        ("#", "#"),
        ("a b/é", "a b/é"),
        ("/", "/"),
    ],
)
def test_what_is_subscribed_to(pattern: str, wanted: str) -> None:
    assert filter_of(pattern) == wanted


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        ("", "1 to 65535 bytes"),
        ("a\0", "NUL"),
        ("é" * 40_000, "1 to 65535 bytes"),
        ("a/b+/c", "+ stands alone"),
        ("#/a", "# alone at the end"),
        ("a#", "# alone at the end"),
        ("{detector}/{detector}", "once"),
        ("det{detector}/a", "between slashes"),
        ("{run}/a", "'{run}' is not known; allowed: {detector}"),
        ("\ud800", "half a character"),
    ],
)
def test_what_is_no_topic(pattern: str, why: str) -> None:
    with pytest.raises(ValueError) as told:
        filter_of(pattern)
    assert why in str(told.value)


@pytest.mark.parametrize(
    ("topic", "patterns", "wanted"),
    [
        ("cosmic/12/events", ["cosmic/{detector}/events"], 12),
        ("cosmic/007/events", ["cosmic/{detector}/events"], 7),
        ("cosmic/12/events/more", ["cosmic/{detector}/events"], None),
        ("cosmic/x/events", ["cosmic/{detector}/events"], None),
        ("cosmic/-1/events", ["cosmic/{detector}/events"], None),
        ("cosmic/٣/events", ["cosmic/{detector}/events"], None),
        ("cosmic/1234567890123456789/events", ["cosmic/{detector}/events"], None),
        ("cosmic/5", ["cosmic/{detector}/#"], 5),
        ("cosmic/5/a/b", ["cosmic/{detector}/#"], 5),
        ("cosmic/5x", ["cosmic/{detector}/#"], None),
        ("lab.a/5", ["lab.a/{detector}"], 5),
        ("labXa/5", ["lab.a/{detector}"], None),
        ("a/1/2", ["+/+/#", "a/+/{detector}", "a/{detector}/+"], 2),
        ("other/5", [], None),
        ("x\ny/5", ["+/{detector}"], 5),
    ],
)
def test_the_detector_of_a_topic(topic: str, patterns: list[str], wanted: int | None) -> None:
    assert detector_in(topic, patterns) == wanted


@given(PATTERNS, st.integers(0, 10**18 - 1), LEVELS)
def test_the_number_in_its_place_is_the_detector(levels: list[str], number: int, other: str) -> None:
    pattern = "/".join(levels)
    told = {"{detector}": str(number), "+": other}
    topic = "/".join(told.get(level, level) for level in levels)
    wanted = number if "{detector}" in levels else None
    assert detector_in(topic, [pattern]) == wanted
    assert topic.startswith("$") or topic_matches_sub(filter_of(pattern), topic)
