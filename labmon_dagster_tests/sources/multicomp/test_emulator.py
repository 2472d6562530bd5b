from __future__ import annotations

import pytest

from labmon_dagster.sources.multicomp.emulator import PowerSupply, serial_in

NOON = 1_772_452_800.0


def supply(seed: int = 0) -> PowerSupply:
    return PowerSupply(seed, clock=lambda: NOON)


def said(made: PowerSupply, query: bytes) -> bytes | None:
    reply = made.reply(query)
    return None if reply is None else reply.payload


@pytest.mark.parametrize(
    ("query", "answer"),
    [
        (b"*IDN?\n", b"MP710508 V1.1 SN:00002338"),
        (b"STATUS?\n", b"\xf7"),
        (b"VSET1?\n", b"12.000"),
        (b"ISET4?\n", b"1.000"),
        (b"OVPSET2?\n", b"5.500"),
        (b"OCPSET2?\n", b"2.400"),
        (b"OVP1?\n", b"1"),
        (b"OCP1?\n", b"0"),
    ],
)
def test_answers_byte_by_byte(query: bytes, answer: bytes):
    assert said(supply(), query) == answer


@pytest.mark.parametrize("query", [b"VOUT2?\n", b"IOUT3?\n", b"VOUT4?\n"])
def test_measured_values_are_plain_numbers(query: bytes):
    answer = said(supply(), query)
    assert answer is not None
    assert len(answer) >= 3
    assert float(answer) > 0


@pytest.mark.parametrize(
    "command",
    [b"VSET1:5.000\n", b"OUT1234:0\n", b"OVP1:0\n", b"RCL1\n", b"VSET5?\n", b"XX1?\n", b"\xff\n", b"VSET1?"],
)
def test_commands_change_nothing_and_have_no_answer(command: bytes):
    made = supply()
    asked = (b"VSET1?\n", b"STATUS?\n", b"OVP1?\n", b"IOUT1?\n")
    before = [said(made, query) for query in asked]
    assert said(made, command) is None
    assert [said(made, query) for query in asked] == before


def test_the_measured_voltage_of_channel_1_is_numbered():
    made = supply()
    for serial in range(3):
        reply = made.reply(b"VOUT1?\n")
        assert reply is not None
        assert reply.serial == serial
        assert serial_in({"voltage_1": float(reply.payload)}) == serial
    made._serial = 39_999
    assert serial_in({"voltage_1": float(said(made, b"VOUT1?\n") or b"")}) == 39_999
    assert serial_in({}) is None


def test_an_alarm_switches_channel_1_off():
    made = supply()
    made.alarm = True
    assert said(made, b"STATUS?\n") == b"\xe7"
    assert said(made, b"IOUT1?\n") == b"0.0000"


def test_it_follows_from_time_and_seed():
    def shown(seed: int, now: float) -> bytes | None:
        return said(PowerSupply(seed, lambda: now), b"IOUT2?\n")

    assert shown(1, NOON) == shown(1, NOON)
    assert len({shown(seed, NOON + later) for seed in range(3) for later in (0, 900, 1800)}) > 1


def test_channels_trip_now_and_then():
    made = PowerSupply(1)
    seen = {made.status(NOON + 30 * step) for step in range(3000)}
    assert 0xF7 in seen
    assert len(seen) > 1


def test_spoilt_answers_are_no_numbers():
    made = supply()
    for query in (b"VSET1?\n", b"VOUT1?\n", b"IOUT2?\n"):
        answer = said(made, query) or b""
        for spoilt in (made.half(answer), made.too_long(answer)):
            with pytest.raises(ValueError, match="float"):
                float(spoilt)
    assert made.half(b"\xf7") == b""
    assert len(made.too_long(b"\xf7")) == 3
