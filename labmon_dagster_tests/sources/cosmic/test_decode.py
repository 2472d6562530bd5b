"""What is decoded of an event, how that is said, and what is left raw."""

from __future__ import annotations

import json
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labmon_dagster.lookup import instant
from labmon_dagster.sources.cosmic import EPOCH_2000, Decoding, read_event
from labmon_dagster.sources.cosmic.decode import AHEAD, Decoded, decoded
from labmon_dagster.sources.cosmic.formats import Channel
from labmon_dagster.sources.cosmic.tdc import PERIODS, measured, swapped
from labmon_dagster_tests.sources.cosmic.sample import LINES, RECEIVED

RAW: dict[str, Any] = json.loads(b"{" + LINES[0][1:])
REGISTERS = st.integers(0, 2**24 - 1)


def understood(how: Decoding = Decoding(), received: int = RECEIVED, **changed: object) -> Decoded:  # noqa: B008
    return decoded(read_event(json.dumps(RAW | changed).encode()), how, received)


@pytest.mark.parametrize(
    ("line", "time", "counters", "calibration", "count", "data"),
    [
        (0, "2019-09-19T18:55:35Z", (5306, 5884068), (2534, 25322), 2532.0, 612),
        (1, "2019-09-19T18:55:36Z", (5307, 5052025), (2532, 25324), 22792 / 9, 354),
        (2, "2019-09-19T18:55:36Z", (5308, 14472962), (2528, 25334), 2534.0, 280),
    ],
)
def test_the_published_events(
    line: int, time: str, counters: tuple[int, int], calibration: tuple[int, int], count: float, data: int
) -> None:
    found = decoded(read_event(LINES[line]), Decoding(clock_mhz=8), RECEIVED)
    assert found.time == instant(time)
    assert (found.values["event_counter"], found.values["counter_clocks"]) == counters
    assert found.values["tdc_0"] == {
        "valid": True,
        "calib1": calibration[0],
        "calib2": calibration[1],
        "calibration_periods": 10,
        "calibration_count": count,
        "data": data,
        "time_of_flight": data / count,
        "time_of_flight_ns": pytest.approx(data / count * 125),
    }
    assert set(found.values["tdc_1"]) == {"valid", "reason"} and found.values["tdc_1"]["valid"] is False
    assert found.how == {
        "time": "Timestamp, s since 2000-01-01T00:00:00Z",
        "event_counter": "bytes swapped (32 bits)",
        "counter_clocks": "bytes swapped (32 bits)",
        "tdc_0": "bytes swapped (24 bits); Calib2 / Calib1 is near 10",
        "tdc_1": "not decoded: raw only",
    }


def test_a_clock_that_is_not_known_gives_no_nanoseconds() -> None:
    assert "time_of_flight_ns" not in understood().values["tdc_0"]


@given(st.integers(0, RECEIVED // 10**9 - EPOCH_2000 // 10**9) | st.floats(0, 8e8))
def test_a_time_is_exact_to_the_nanosecond(timestamp: float) -> None:
    found = understood(Timestamp=timestamp)
    assert found.time == EPOCH_2000 + round(Fraction(timestamp) * 10**9)


def test_another_epoch_is_a_setting() -> None:
    found = understood(Decoding(epoch=0))
    assert found.time == instant("1989-09-19T18:55:35Z")
    assert found.how["time"] == "Timestamp, s since 1970-01-01T00:00:00Z"


@pytest.mark.parametrize(
    ("timestamp", "said"),
    [
        (None, "receipt: Timestamp is missing or null"),
        ("622234535", "receipt: Timestamp: Expected `int | float | null`, got `str`"),
        (True, "receipt: Timestamp: Expected `int | float | null`, got `bool`"),
        (2**62, "receipt: Timestamp 4611686018427387904 gives no year of 1678 to 2261"),
        (-1e300, "receipt: Timestamp -1e+300 gives no year"),
        (843_317_001, "receipt: Timestamp 843317001 gives 2026-09-21T14:43:21.000000000Z, more than 30"),
    ],
)
def test_a_time_that_cannot_be_is_none(timestamp: object, said: str) -> None:
    found = understood(Timestamp=timestamp)
    assert found.time is None and found.how["time"].startswith(said)


def test_a_clock_may_be_half_an_hour_ahead() -> None:
    now = EPOCH_2000 + RAW["Timestamp"] * 10**9
    assert understood(received=now - AHEAD).time == now
    assert understood(received=now - AHEAD - 1).time is None


@pytest.mark.parametrize("counter", [-1, 2**32])
def test_a_counter_of_more_bits_is_left_raw(counter: int) -> None:
    found = understood(EventCounter=counter)
    assert "event_counter" not in found.values
    assert found.how["event_counter"] == f"{counter} has more than 32 bits: raw only"


def test_values_of_another_type_are_left_raw_and_told() -> None:
    found = understood(CosmicBlock="x", TriggerBits=1.5, EventCounter=None, TDC={"0": 5, "1": None, "2": {}})
    assert set(found.values) == {"counter_clocks", "tdc_0", "tdc_2"}
    assert found.values["tdc_0"] == {"valid": False, "reason": "Expected `object | null`, got `int`"}
    assert found.how["block"] == "CosmicBlock: Expected `int | null`, got `str`: raw only"
    assert found.how["trigger_bits"] == "TriggerBits: Expected `int | null`, got `float`: raw only"
    assert "event_counter" not in found.how
    assert understood(TDC=3).how["tdc"].startswith("TDC: Expected")


@pytest.mark.parametrize("form", [2, None, "1"])
def test_nothing_is_decoded_of_an_unknown_format(form: object) -> None:
    found = understood(Format=form)
    assert (found.time, found.values) == (None, {})
    assert found.how["format"].endswith("known: 1. Nothing is decoded: raw only")


@given(REGISTERS, st.sampled_from(PERIODS), st.booleans(), REGISTERS)
def test_a_calibration_shows_the_order_of_bytes(calib1: int, periods: int, reverse: bool, data: int) -> None:
    calib2 = min(calib1 * periods, 2**24 - 1)
    sent = [swapped(one) if reverse else one for one in (data, calib1, calib2)]
    values, how = measured(Channel(sent[0], None, sent[1], sent[2]), None)
    if calib1 and calib2 == calib1 * periods and "too" not in how and reverse == how.startswith("bytes"):
        assert (values["calib1"], values["calib2"], values["data"]) == (calib1, calib2, data)
        assert values["calibration_count"] == calib1 and values["time_of_flight"] == data / calib1
    elif values["valid"]:
        assert min(abs(values["calib2"] / values["calib1"] / one - 1) for one in PERIODS) <= 0.01


@given(REGISTERS)
def test_swapping_twice_changes_nothing(register: int) -> None:
    assert swapped(register).to_bytes(3) == register.to_bytes(3)[::-1]
    assert swapped(swapped(register)) == register


def test_both_published_forms_say_the_same() -> None:
    single = measured(Channel(6554112, [None, None], 15075584, 15360512), 10)
    listed = measured(Channel([6554112, None, 6554112, None, None], [15075584, 15360512]), 10)
    assert listed.how == single.how
    for key, value in single.values.items():
        wanted = (
            [value, None, value, None, None]
            if key in ("data", "time_of_flight", "time_of_flight_ns")
            else value
        )
        assert listed.values[key] == wanted


@pytest.mark.parametrize(
    ("channel", "reason"),
    [
        (Channel(1), "no calibration: Calib1 and Calib2 are not both there"),
        (Channel(1, [5, None]), "no calibration"),
        (Channel(1, [1, 2, 3]), "Calib has 3 values; allowed: 2"),
        (Channel(1, [100, 1000], 100, 1001), "say different things"),
        (Channel(1, None, -1, 5), "Calib1 is -1; allowed: registers of 24 bits"),
        (Channel(1, None, 0, 0), "Calib2 / Calib1 is infinite"),
        (Channel(2**24, None, 100, 1000), "Data is 16777216; allowed"),
        (Channel(1, None, 100, 1011), "as sent; allowed: within 1 % of 2, 10, 20 or 40"),
    ],
)
def test_a_channel_that_does_not_decode_says_why(channel: Channel, reason: str) -> None:
    values, how = measured(channel, None)
    assert set(values) == {"valid", "reason"} and values["valid"] is False
    assert reason in values["reason"] and how == "not decoded: raw only"


def test_one_percent_is_the_limit() -> None:
    assert measured(Channel(1, None, 100, 1010), None).values["calibration_count"] == 910 / 9
    assert measured(Channel(1, None, 100, 990), None).values["valid"]
    assert not measured(Channel(1, None, 100, 989), None).values["valid"]
