"""What a page shows, and what it only contains: markup within a cell, hidden elements, size."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from typing import Any

import pytest

from labmon_dagster.model.devices import Address, DeviceSettings, Heard, Said
from labmon_dagster.sources.device_page.kinds import KINDS
from labmon_dagster.sources.device_page.rows import rows
from labmon_dagster_tests.sources.wire.test_web import HEAD, scripted

KIND = next(kind for kind in KINDS if kind.type == "MMR3")
HIDDEN = ["hidden", "style='display:none'", "style='color:red; DISPLAY : none'", "style='visibility: hidden'"]


def settings(**options: Any) -> DeviceSettings:
    return DeviceSettings("it", "MMR3", Address("http", "host"), options=options)


def understood(rows: str, **options: Any) -> Said:
    page = f"<html><table><tr><td>Board temperature</td><td>1</td></tr>{rows}</table></html>"
    return KIND.understand(Heard(page.encode(), 0, "page"), settings(**options))


@pytest.mark.parametrize(
    ("cell", "shown"),
    [
        ("10<sup>3</sup>", "10^3"),
        ("12.3<sup>1</sup>", "12.3^1"),
        ("5<sub>2</sub>", "5_2"),
        ("1.2e<sup>-3</sup>", "1.2e^-3"),
        ("<s>5</s>6", "~5~6"),
        ("<del>5</del>6", "~5~6"),
        ("<strike>5</strike>6", "~5~6"),
        ("<s>5</s>", "~5~"),
        ("5<span style='vertical-align: super'>3</span>", "5^3"),
        ("<span style='text-decoration:line-through'>5</span>6", "~56"),
        ("5<img src=comma.png>9", "5 9"),
    ],
)
def test_markup_within_a_number_makes_it_none(cell: str, shown: str):
    said = understood(f"<tr><td>Resistance 1</td><td>{cell}</td></tr><tr><td>Other</td><td>{cell}</td></tr>")
    assert "resistance_1" not in said.values
    assert repr(shown) in said.missing["resistance_1"]
    assert said.values["other"] == shown


@pytest.mark.parametrize(
    "cell",
    [
        "5<template>34</template>",
        "<noscript>2</noscript>5",
        "5<script>9</script><style>9</style>",
        "<input type=hidden value=4>5",
        "<input hidden value=4>5<br hidden>",
        *(f"<span {how}>9</span>5" for how in HIDDEN),
        *(f"<span {how}>9<span>8</span>7<i>6</i></span>5" for how in HIDDEN),
        *(f"5</td><td {how}>9" for how in HIDDEN),
        "5<template><template>1</template>2</template>",
    ],
)
def test_what_is_not_shown_is_no_value(cell: str):
    said = understood(f"<tr><td>Resistance 1</td><td>{cell}</td></tr>")
    assert said.values == {"board_temperature": 1, "resistance_1": 5.0}


def test_a_hidden_row():
    said = understood("<tr hidden><td>Resistance 1</td><td>9</td></tr><tr><td>Range 1</td><td>5</td></tr>")
    assert said.values == {"board_temperature": 1, "range_1": 5.0}


def test_a_hidden_element_without_end_is_refused():
    with pytest.raises(ValueError, match="cut short"):
        understood("<tr><td>Resistance 1</td><td><span hidden>9</td></tr>")


def test_names_and_units_with_raised_figures_are_read_as_before():
    said = understood(
        "<tr><td>T<sub>1</sub></td><td>5</td><td>mK</td></tr>"
        "<tr><td>Flow</td><td>7</td><td>m<sup>3</sup>/h</td></tr>"
        "<tr><td>Leak (m<sup>3</sup>/h)</td><td>8</td></tr>"
        "<tr><td>Rate</td><td>9 m<sup>3</sup>/h</td></tr>"
    )
    assert said.values == {"board_temperature": 1, "t1": 5, "flow": 7, "leak": 8, "rate": 9}
    assert set(said.units.values()) == {"mK", "m^3/h"}


def test_a_struck_unit_is_none():
    said = understood("<tr><td>Temperature 1</td><td>5</td><td><s>m</s>K</td></tr>")
    assert "temperature_1" in said.missing


def test_a_long_row_is_told_shortly():
    said = understood("<tr><td>Resistance 1</td>" + "<td>123456789</td>" * 999 + "</tr>")
    assert len(said.missing["resistance_1"]) < 400


LARGE = 256 * 1024


@pytest.mark.parametrize(
    "unit", ["<a ", "<!--", "<a a='", "<a b=c", "</td", "<![CDATA[", "&#", "<", "<!-- >"]
)
def test_no_page_takes_long(unit: str):
    much = unit * (200 * 1024 // len(unit))
    start = time.perf_counter()
    for page, options in ((f"<html>a: 5</html>{much}", {}), (f"a: 5<p>{much}", {"end": ""})):
        try:
            said = KIND.understand(Heard(page.encode(), 0, "page"), settings(**options))
        except ValueError:
            continue
        assert said.values["a"] == 5
    assert time.perf_counter() - start < 5


def test_what_stands_behind_the_end_is_not_read():
    page = b"<html>a: 5</html><p>b: 6</p>"
    assert KIND.understand(Heard(page, 0, "page"), settings()).values == {"a": 5}


def test_tables_in_tables_without_end_are_refused():
    start = time.perf_counter()
    with pytest.raises(ValueError, match="more than 100 tables"):
        rows("<table><tr><td>" * 7000 + "</td></tr></table>" * 7000)
    assert time.perf_counter() - start < 2


def test_a_large_page_is_refused():
    page = b"<html>a: 5" + b" " * LARGE + b"</html>"
    with pytest.raises(ValueError, match="262161 bytes; no more than 262144"):
        KIND.understand(Heard(page, 0, "page"), settings())
    given = settings(largest=2 * LARGE)
    KIND.check(given)
    assert KIND.understand(Heard(page, 0, "page"), given).values == {"a": 5}


@pytest.mark.parametrize("largest", [0, -5, "256 kB", True, 1.5, 1 << 21])
def test_sizes_that_make_no_sense(largest: Any):
    with pytest.raises(ValueError, match="largest"):
        KIND.check(settings(largest=largest))


@pytest.mark.parametrize(
    "encoding", ["unicode_escape", "raw-unicode-escape", "UTF-7", "idna", "punycode", "rot13"]
)
def test_encodings_that_are_none_of_pages(encoding: str):
    with pytest.raises(ValueError, match="encoding"):
        KIND.check(settings(encoding=encoding))


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1", "cp1252", "utf-16", "shift_jis"])
def test_encodings_of_pages(encoding: str):
    KIND.check(settings(encoding=encoding))


def test_a_page_is_read_no_further_than_its_largest():
    async def poll() -> str:
        body = b"<html>" + b" " * 900 + b"</html>"
        async with scripted(lambda request: [HEAD % len(body) + body]) as server:
            given = settings(largest=300)
            address = Address("http", "127.0.0.1", server.port)
            return (await KIND.connect(replace(given, address=address), lambda heard: None).poll()).trouble

    assert asyncio.run(poll()) == "longer than 300 bytes, the rest was not read"
