from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labmon_dagster.model.devices import Heard, Said
from labmon_dagster.sources.imacrt.kinds import KINDS
from labmon_dagster.sources.imacrt.pushes import is_push
from labmon_dagster.sources.imacrt.quantities import MGC3, MMR3, Table
from labmon_dagster.sources.imacrt.understand import understand
from labmon_dagster_tests.sources.imacrt.golden import RECORD, record


def _said(payload: bytes, table: Table = MMR3) -> Said:
    return understand(Heard(payload, 1, "unasked"), table)


def test_a_record_has_62_bytes() -> None:
    assert len(RECORD) == 62


def test_a_record_becomes_values() -> None:
    said = _said(RECORD)
    assert said.values == {
        "samples_1": 16,
        "current_range_index_1": 3,
        "voltage_range_index_1": 4,
        "status_1": 2,
        "excitation_current_1": 0.5,
        "adc_delay_1": 0.25,
        "resistance_1": 1000.0,
        "resistance_sum_of_squares_1": 15704352.0,
        "resistance_peak_to_peak_1": 2.0,
        "temperature_1": 4.25,
        "device_seconds": 1_700_000_000,
        "device_milliseconds": 250,
    }
    assert said.units["resistance_1"] == "ohm"
    assert said.units["temperature_1"] == "K"
    assert said.units["excitation_current_1"] == "A"
    assert said.missing == {}


def test_a_record_is_kept_whole_in_the_details() -> None:
    assert _said(RECORD).details == {
        "frames": [
            {
                "id": 1,
                "channel": 0,
                "samples": 16,
                "current_range_index": 3,
                "voltage_range_index": 4,
                "device_seconds": 1_700_000_000,
                "device_milliseconds": 250,
                "status": 2,
                "excitation_current": 0.5,
                "adc_delay": 0.25,
                "resistance": 1000.0,
                "resistance_sum_of_squares": 15704352.0,
                "resistance_peak_to_peak": 2.0,
                "temperature": 4.25,
            }
        ]
    }


def test_values_are_those_of_the_last_record_of_each_channel() -> None:
    later = RECORD[:-8] + struct.pack("<d", 4.5)
    said = _said(RECORD + record(2) + later)
    assert (said.values["temperature_1"], said.values["temperature_3"]) == (4.5, 4.25)
    assert [frame["temperature"] for frame in said.details["frames"]] == [4.25, 4.25, 4.5]
    assert "temperature_2" not in said.values


def test_numbers_that_are_not_finite_are_missing() -> None:
    said = _said(RECORD[:-8] + struct.pack("<d", float("nan")))
    assert said.missing == {
        "temperature_1": "the device says nan",
        "frames[0].temperature": "the device says nan",
    }
    assert "temperature_1" not in said.values
    assert "temperature" not in said.details["frames"][0]


@pytest.mark.parametrize("length", [61, 63, 93, 31, 123])
def test_another_length_is_refused(length: int) -> None:
    payload = (RECORD * 2)[:length]
    assert is_push(payload)
    with pytest.raises(ValueError, match=rf"has N × 62 bytes; this one has {length}"):
        _said(payload)


def test_a_record_without_samples_is_refused() -> None:
    for payload in (RECORD[:2] + b"\0\0" + RECORD[4:], b"\xff\0" + bytes(60)):
        with pytest.raises(ValueError, match="a MES1 record of 0 samples"):
            _said(RECORD + payload)


@pytest.mark.parametrize("size", [24, 25, 62, 64, 124, 1000])
@pytest.mark.parametrize("answer", [b"", b"5", b"0\r\n", b"MMR3_01_2_073_v2.2"])
def test_text_in_a_buffer_full_of_nuls_is_no_message(answer: bytes, size: int) -> None:
    assert not is_push(answer.ljust(size, b"\0"))


def test_lines_in_a_buffer_full_of_nuls() -> None:
    payload = b"5;T1;1.25e-2\n".ljust(62, b"\0")
    assert is_push(payload)
    assert _said(payload).values == {"temperature_1": 0.0125}


def test_a_channel_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="a MES1 record of channel 3; expected 0, 1 or 2"):
        _said(RECORD + record(3))


def test_a_controller_sends_no_records() -> None:
    with pytest.raises(ValueError, match="a MGC3 sends none"):
        _said(RECORD, MGC3)


def test_lines_become_the_quantities_of_their_indexes() -> None:
    said = _said(b"5;T1;1.25e-2\n2;board;36.5\n6;status;1\n")
    assert said.values == {"temperature_1": 0.0125, "board_temperature": 36.5, "status_1": 1}
    assert said.units == {"temperature_1": "K"}
    assert said.details["lines"][0] == {"index": 5, "name": "T1", "value": "1.25e-2"}


def test_a_line_of_a_controller() -> None:
    assert _said(b"11;name;MMR3_01_2_073_v2.2\r\n", MGC3).values == {
        "measuring_module_1": "MMR3_01_2_073_v2.2"
    }


def test_the_last_line_of_an_index_counts() -> None:
    assert _said(b"5;T1;1\n5;T1;2\n").values == {"temperature_1": 2.0}
    said = _said(b"5;T1;1\n5;T1;NaN\n")
    assert (said.values, said.missing) == ({}, {"temperature_1": "the device says NaN"})


@pytest.mark.parametrize(
    ("payload", "told"),
    [
        (b"5;T1;1.25e-2", "cut short"),
        (b"5;T1;1\n5;T", "cut short"),
        (b"5;1.25\n", "expected index;name;value"),
        (b"5;T1;1;2\n", "expected index;name;value"),
        (b"5;T1;1\n\n", "expected index;name;value"),
        (b"36;T1;1\n", "index 36; a MMR3 has 0 to 35"),
        (b"5;T1;warm\n", "'warm' is no number"),
        (b"5;\xff;1\n", "is no text"),
        (b"5;T1;\xff\n", "is no text"),
        (b"1234567;T1;1\n", "expected index;name;value"),
        (b"1.25\n", "is no message of a MMR3"),
        (b"", "is no message of a MMR3"),
    ],
)
def test_what_is_no_message_is_refused(payload: bytes, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        _said(payload)


@pytest.mark.parametrize(
    "answer",
    [b"", b"1.25", b"-1.2345678901234567E-308\r\n", b"MMR3_01_2_073_v2.2\n", b"0\0\0", b"A" * 62, b"nan"],
)
def test_answers_are_no_messages(answer: bytes) -> None:
    assert not is_push(answer)


@given(
    st.binary(max_size=200) | st.integers(1, 4).flatmap(lambda n: st.binary(min_size=62 * n, max_size=62 * n))
)
def test_any_bytes_are_understood_or_a_value_error(payload: bytes) -> None:
    for kind, table in zip(KINDS, (MMR3, MGC3), strict=True):
        try:
            said = _said(payload, table)
        except ValueError:
            continue
        assert is_push(payload)
        assert set(said.units) <= set(said.values)
        assert kind.type == table.type


_doubles = st.floats(allow_nan=False, allow_infinity=False)


@given(
    st.lists(st.tuples(st.integers(0, 2), st.lists(_doubles, min_size=6, max_size=6)), min_size=1, max_size=5)
)
def test_every_number_of_every_record_is_exact(told: list[tuple[int, list[float]]]) -> None:
    payload = b"".join(RECORD[:1] + bytes([n]) + RECORD[2:14] + struct.pack("<6d", *d) for n, d in told)
    names = ("excitation_current", "adc_delay", "resistance", "resistance_sum_of_squares",
             "resistance_peak_to_peak", "temperature")  # fmt: skip
    frames = _said(payload).details["frames"]
    assert [(frame["channel"], [frame[name] for name in names]) for frame in frames] == told
