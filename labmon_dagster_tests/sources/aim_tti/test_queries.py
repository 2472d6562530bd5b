"""Only queries that change nothing pass; options say which of them are asked."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labmon_dagster.model.devices import Address, DeviceSettings, SwitchingError
from labmon_dagster.sources.aim_tti.kinds import KINDS
from labmon_dagster.sources.aim_tti.queries import checked_query, options_of, queries

(KIND,) = KINDS
ALLOWED = {
    *("V1?", "I1?", "V1O?", "I1O?", "OP1?", "OVP1?", "OCP1?", "LSR1?"),
    *("V2?", "I2?", "V2O?", "I2O?", "OP2?", "OVP2?", "OCP2?", "LSR2?"),
    *("*IDN?", "CONFIG?"),
}


def settings(**options: object) -> DeviceSettings:
    return DeviceSettings("supply", "CPX200", Address("tcp", "127.0.0.1"), 0.2, options)


@pytest.mark.parametrize("query", sorted(ALLOWED))
def test_queries_pass(query: str):
    assert checked_query(query) == query


@pytest.mark.parametrize(
    "command",
    [
        *(
            "V1 5.00",
            "I1 0.5",
            "OP1 1",
            "OP1 0",
            "OPALL 0",
            "OPALL 1",
            "TRIPRST",
            "LOCAL",
            "CONFIG 0",
            "*RST",
        ),
        *("SAV1 1", "RCL1 1", "OVP1 10", "IFLOCK", "IFUNLOCK", "IFLOCK?", "INCV1", "V1V 3", "*CLS", "*TST?"),
        *("V1?;OP1 1", "OP1 1;V1?", "V1?\nOP1 1", "V1?\n", " V1?", "v1?", "V3?", "V1 ?", "?", "", "OP1 1?"),
    ],
)
def test_everything_else_is_refused(command: str):
    with pytest.raises(SwitchingError, match="is not sent: a supply is only asked V1\\?, OP1\\?"):
        checked_query(command)


@pytest.mark.parametrize("command", ["EER?", "QER?", "*ESR?"])
def test_registers_are_not_cleared(command: str):
    with pytest.raises(SwitchingError, match="clears a register"):
        checked_query(command)


@given(st.text(max_size=12) | st.from_regex(r"[A-Z*]{1,4}[0-9]?O?\?", fullmatch=True))
def test_nothing_but_the_allowed_queries_passes(command: str):
    try:
        assert checked_query(command) in ALLOWED
    except SwitchingError:
        assert command not in ALLOWED


def test_all_of_them_are_asked():
    asked = queries(options_of(settings()))
    assert set(asked) == ALLOWED
    assert len(asked) == len(ALLOWED)


def test_options_choose():
    asked = queries(options_of(settings(outputs=[2], limit_status=False)))
    assert asked == ("V2?", "OP2?", "I2?", "V2O?", "OVP2?", "I2O?", "OCP2?", "*IDN?", "CONFIG?")
    names = {field.name for field in KIND.quantities(settings(outputs=[2], limit_status=False))}
    assert "output_2_voltage" in names
    assert not {name for name in names if "output_1" in name or "limit_status" in name}


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"outputs": [3]}, r"outputs is \[3\], expected"),
        ({"outputs": []}, r"outputs is \[\]"),
        ({"outputs": 1}, "outputs is 1"),
        ({"outputs": [1.0]}, r"outputs is \[1\.0\]"),
        ({"outputs": [1.0, 2]}, r"outputs is \[1\.0, 2\]"),
        ({"outputs": [True]}, r"outputs is \[True\]"),
        ({"outputs": [[1]]}, r"outputs is \[\[1\]\]"),
        ({"limit_status": "no"}, "limit_status is 'no', expected"),
        ({"output": 1}, "has no option output"),
    ],
)
def test_bad_options(options: dict[str, object], told: str):
    with pytest.raises(ValueError, match=told):
        KIND.check(settings(**options))
    assert KIND.check(settings()) is None


def test_numbers_may_come_as_text():
    assert options_of(settings(outputs=["2"])).outputs == (2,)


@pytest.mark.parametrize("text", ["tcp://host/x", "tcp://host/?x=1", "tcp://host?x"])
def test_an_address_with_a_path(text: str):
    with pytest.raises(ValueError, match="a supply has no path"):
        KIND.check(DeviceSettings("supply", "CPX200", Address.parse(text)))
