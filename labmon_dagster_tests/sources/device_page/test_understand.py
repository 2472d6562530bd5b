from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from labmon_dagster.model.devices import Address, DeviceSettings, Heard, SwitchingError
from labmon_dagster.model.measurement import FieldType
from labmon_dagster.sources.device_page.kinds import KINDS
from labmon_dagster.sources.device_page.numbers import shown
from labmon_dagster.sources.imacrt.kinds import KINDS as UDP

KIND = {kind.type: kind for kind in KINDS if kind.scheme == "http"}
OPEN = {"end": ""}


def settings(**options: Any) -> DeviceSettings:
    return DeviceSettings("it", "CRYO", Address("http", "host"), options=options)


def understood(payload: bytes, **options: Any):
    return KIND["CRYO"].understand(Heard(payload, 0, "page"), settings(**options))


def check_sound(payload: bytes, **options: Any) -> None:
    """Any bytes are understood, or refused with a ValueError."""
    try:
        said = understood(payload, **options)
    except ValueError as error:
        assert str(error)
        return
    for value in said.values.values():
        assert not isinstance(value, float) or math.isfinite(value)
    assert not set(said.values) & set(said.missing)
    assert set(said.units) <= set(said.values)


@given(st.binary())
def test_any_bytes(payload: bytes):
    check_sound(payload, **OPEN)


TAGS = "table tr td th dl dt dd pre script html sup s template b".split()  # noqa: SIM905
PIECES = st.sampled_from(
    [
        *(f"<{tag}>" for tag in TAGS),
        *(f"</{tag}>" for tag in TAGS),
        *(
            "<br>",
            "<![foo",
            "<!--",
            "-->",
            "&#xD800;",
            "&nbsp;",
            "<input value=5>",
            "<b hidden>",
            "P1",
            "12.3",
            "mK",
            "é",
        ),
        *(":", "=", "(", ")", "1,5", "---", "nan", "1e999"),
    ]
)


@given(st.lists(PIECES, max_size=40).map(" ".join))
@example("<![foo")
@example("<table><tr><td>a<table><tr><td>b</table>c")
def test_any_page(page: str):
    check_sound(page.encode(), **OPEN)
    check_sound(f"<html>{page}</html>".encode())


NAMES = st.from_regex(r"[A-Z][a-z]{3,8} [a-z]{3,8}", fullmatch=True)


@given(st.dictionaries(NAMES, st.floats(allow_nan=False, allow_infinity=False), min_size=1))
def test_numbers_come_back_equal(told: dict[str, float]):
    rows = "".join(f"<tr><td>{name}</td><td>{number!r}</td><td>K</td></tr>" for name, number in told.items())
    said = understood(f"<html><table>{rows}</table></html>".encode())
    assert said.values == {name.lower().replace(" ", "_"): number for name, number in told.items()}
    assert set(said.units.values()) == {"K"}


@given(st.integers(min_value=-(2**63) + 1, max_value=2**63 - 1))
def test_integers_come_back_equal(number: int):
    said = understood(f"<html><dl><dt>Count<dd>{number}</dl></html>".encode())
    assert said.values == {"count": number}


@given(st.text())
def test_any_text_is_a_value_or_none(text: str):
    for kind in (None, *FieldType):
        for decimal in ".,":
            try:
                value, _ = shown(text, "", kind, decimal)
            except ValueError:
                continue
            assert isinstance(value, str | int | float)
            if isinstance(value, str):
                assert value == text


@pytest.mark.parametrize("cut", range(1, 100, 7))
def test_a_page_cut_short_is_refused(cut: int):
    page = b"<html><body><table><tr><td>P1</td><td>510.25</td></tr></table>" + b" " * 40 + b"</body></html>"
    with pytest.raises(ValueError, match=r"stands 0 times"):
        understood(page[:-cut])
    assert understood(page).values == {"p1": 510.25}


def test_trouble_and_other_forms_are_not_understood():
    good = b"<html>P1: 5</html>"
    with pytest.raises(ValueError, match="late"):
        KIND["CRYO"].understand(Heard(good, 0, "page", trouble="late"), settings())
    with pytest.raises(ValueError, match="its form is 'json'"):
        KIND["CRYO"].understand(Heard(good, 0, "json"), settings())
    assert understood(good).values == {"p1": 5.0}


@pytest.mark.parametrize(
    "options",
    [
        {"decimal": "x"},
        {"decimal": 5},
        {"encoding": "klingon"},
        {"end": 1},
        {"odd": 1},
        {"names": {"P1": "P 1"}},
    ],
)
def test_options_that_make_no_sense(options: dict[str, Any]):
    with pytest.raises(ValueError, match=next(iter(options))):
        KIND["CRYO"].check(settings(**options))


def test_options_that_make_sense():
    KIND["CRYO"].check(settings(decimal=",", encoding="latin-1", end="", names={"P1": "p1"}, only=["p1"]))
    found = KIND["CRYO"].quantities(settings(quantities={"note": {"type": "text"}}, only=["p1", "note"]))
    assert [field.name for field in found] == ["p1", "note"]


@pytest.mark.parametrize("name", ["MMR3", "MGC3"])
def test_a_module_has_the_same_quantities_over_udp(name: str):
    over_udp = next(kind for kind in UDP if kind.type == name)
    known = {one.name: one for one in over_udp.quantities(DeviceSettings("it", name, Address("udp", "host")))}
    for field in KIND[name].quantities(DeviceSettings("it", name, Address("http", "host"))):
        assert (field.type, field.unit) == (known[field.name].type, known[field.name].unit), field.name


def test_a_page_that_may_switch_is_refused():
    address = Address.parse("http://192.168.44.64/www/device.htm?on_1=0")
    given = DeviceSettings("it", "MGC3", address)
    with pytest.raises(SwitchingError):
        KIND["MGC3"].check(given)
    with pytest.raises(SwitchingError):
        KIND["MGC3"].connect(given, lambda heard: None)
