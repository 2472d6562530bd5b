from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from labmon_dagster.model.devices import Address, DeviceSettings, Heard, SwitchingError
from labmon_dagster.sources.cryomech.kinds import KINDS as MODBUS
from labmon_dagster.sources.device_json.kinds import KINDS
from labmon_dagster.sources.device_json.understand import instant, own_time
from labmon_dagster.sources.device_page.kinds import KINDS as PAGES

KIND = next(kind for kind in KINDS if kind.type == "JSON-CRYO")


def settings(**options: Any) -> DeviceSettings:
    return DeviceSettings("it", "JSON-CRYO", Address("http", "host"), options=options)


def understood(payload: bytes, **options: Any):
    return KIND.understand(Heard(payload, 0, "json"), settings(**options))


def check_sound(payload: bytes) -> None:
    """Any bytes are understood, or refused with a ValueError."""
    assert own_time(payload, settings()) in (None, own_time(payload, settings()))
    try:
        said = understood(payload)
    except ValueError as error:
        assert str(error)
        return
    for value in said.values.values():
        assert not isinstance(value, float) or math.isfinite(value)
    assert not set(said.values) & set(said.missing)
    json.dumps([dict(part) for part in (said.values, said.units, said.missing, said.details)]).encode()
    repr((said.values, said.units, said.missing, said.details)).encode()


@given(st.binary())
@example(b'{"a":' * 5000 + b"1" + b"}" * 5000)
@example(b"[" * 100_000)
@example(b'{"a":"\\ud800","units":{"P1":"\\ud800"},"time":"\\udfff","P1":5}')
@example(b'{"\\ud800":1}')
@example(b'{"a":' + b"9" * 5000 + b"}")
def test_any_bytes(payload: bytes):
    check_sound(payload)


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
KEYS = st.text(max_size=4) | st.sampled_from(
    ["value", "unit", "units", "values", "time", "device", "P1", "p1"]
)


@given(st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(KEYS, inner), max_leaves=20))
def test_any_json(found: Any):
    check_sound(json.dumps(found).encode())


NAMES = st.from_regex(r"[a-z]{3,8}_[a-z]{3,8}", fullmatch=True)
VALUES = (
    st.booleans()
    | st.integers(min_value=-(2**63) + 1, max_value=2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(alphabet=st.characters(exclude_categories=["Cs"]))
)


@given(st.dictionaries(NAMES, VALUES, min_size=1))
def test_values_come_back_equal(told: dict[str, Any]):
    for payload in (told, {"values": told}, {name: {"value": value} for name, value in told.items()}):
        said = understood(json.dumps(payload).encode())
        assert said.values == told
        assert [type(value) for value in said.values.values()] == [type(value) for value in told.values()]
        assert not said.missing


@pytest.mark.parametrize(
    ("text", "clock"),
    [
        ("2026-03-02T09:30:05Z", 1_772_443_805_000_000_000),
        ("2026-03-02t09:30:05.123456789z", 1_772_443_805_123_456_789),
        ("2026-03-02 10:30:05.5+01:00", 1_772_443_805_500_000_000),
        ("1969-12-31T23:59:59.25Z", -750_000_000),
        ("2026-03-02T09:30:05", None),
        ("2026-02-30T09:30:05Z", None),
        ("0001-01-01T00:00:00+23:59", None),
        ("02.03.2026 09:30", None),
        ("", None),
    ],
)
def test_own_time(text: str, clock: int | None):
    assert instant(text) == clock
    payload = json.dumps({"time": text, "P1": 5}).encode()
    assert own_time(payload, settings()) == clock
    assert understood(payload).values == {"p1": 5.0}


@given(st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC)))
def test_times_of_any_instant(when: datetime):
    seconds = (when.replace(microsecond=0) - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds()
    assert instant(when.isoformat()) == int(seconds) * 10**9 + when.microsecond * 1000


def test_time_under_another_name():
    payload = b'{"status": {"at": "2026-03-02T09:30:05Z"}, "time": "2001-01-01T00:00:00Z", "P1": 5}'
    assert own_time(payload, settings(time="status.at")) == 1_772_443_805_000_000_000
    assert own_time(b"no json", settings()) is None


@pytest.mark.parametrize("cut", range(1, 20))
def test_json_cut_short_is_refused(cut: int):
    payload = b'{"P1": 510.25, "P2": 1}'
    with pytest.raises(ValueError, match="no JSON"):
        understood(payload[:-cut])


def test_trouble_and_other_forms_are_not_understood():
    with pytest.raises(ValueError, match="late"):
        KIND.understand(Heard(b'{"P1": 5}', 0, "json", trouble="late"), settings())
    with pytest.raises(ValueError, match="its form is 'page'"):
        KIND.understand(Heard(b'{"P1": 5}', 0, "page"), settings())


@pytest.mark.parametrize(
    "options", [{"time": 5}, {"odd": 1}, {"names": {"P1": "P 1"}}, {"certificate": "/no"}]
)
def test_options_that_make_no_sense(options: dict[str, Any]):
    with pytest.raises(ValueError, match=next(iter(options))):
        KIND.check(settings(**options))


def test_an_address_that_may_switch_is_refused():
    given = DeviceSettings("it", "JSON-SCALE", Address.parse("http://scale/json?tare=1"))
    with pytest.raises(SwitchingError):
        KIND.check(given)
    with pytest.raises(SwitchingError):
        KIND.connect(given, lambda heard: None)


def test_a_cryostat_has_the_same_quantities_as_its_page():
    page = next(kind for kind in PAGES if kind.type == "CRYO")
    assert set(KIND.quantities(settings())) == set(page.quantities(settings()))


def test_a_compressor_has_quantities_of_the_same_form_over_tcp():
    (over_tcp,) = MODBUS
    known = {
        one.name: one for one in over_tcp.quantities(DeviceSettings("it", "CMCPA", Address("tcp", "host")))
    }
    kind = next(kind for kind in KINDS if kind.type == "JSON-CMCPA")
    fields = kind.quantities(DeviceSettings("it", "JSON-CMCPA", Address("http", "host")))
    assert {field.name for field in fields} - set(known) == {"compressor_running"}
    for field in fields:
        if field.name in known:
            assert (field.type, field.unit) == (known[field.name].type, known[field.name].unit), field.name
