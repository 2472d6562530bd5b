"""What any answer becomes; single polls are in cases/."""

from __future__ import annotations

import itertools
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labmon_dagster.model.devices import Address, DeviceSettings, Heard, Said
from labmon_dagster.model.measurement import FieldType
from labmon_dagster.sources.aim_tti.emulator import CPX200Emulator
from labmon_dagster.sources.aim_tti.kinds import KINDS
from labmon_dagster.sources.aim_tti.queries import QUERIES, options_of, queries
from labmon_dagster.sources.aim_tti.understand import answer_to
from labmon_dagster.sources.wire import exchange

(KIND,) = KINDS
SETTINGS = DeviceSettings("supply", "CPX200", Address("tcp", "127.0.0.1"))
TYPES = {FieldType.FLOAT: float, FieldType.INTEGER: int, FieldType.BOOLEAN: bool, FieldType.TEXT: str}
FIELDS = {field.name: field for field in KIND.quantities(SETTINGS)}
ANY_QUERY = st.sampled_from(sorted(QUERIES))
LIKE_AN_ANSWER = st.from_regex(r"([VICP]{1,3}[12] )?-?[0-9]{0,4}\.?[0-9]{0,4}[VA]?\r\n", fullmatch=True)


def check_declared(said: Said) -> None:
    assert not said.values.keys() & said.missing.keys()
    assert said.missing.keys() <= FIELDS.keys()
    for name, value in said.values.items():
        assert type(value) is TYPES[FIELDS[name].type], name
        assert FIELDS[name].unit == said.units.get(name, "")


@given(ANY_QUERY, st.binary(max_size=30) | LIKE_AN_ANSWER.map(str.encode))
def test_any_answer_is_understood_or_refused(query: str, answer: bytes):
    try:
        check_declared(answer_to(query, answer))
    except ValueError as error:
        assert repr(answer) in str(error)


@given(st.binary(max_size=60))
def test_any_payload_is_understood_or_refused(payload: bytes):
    with pytest.raises(ValueError, match=r"\w"):
        KIND.understand(Heard(payload, 1, "exchange"), SETTINGS)


@given(st.dictionaries(ANY_QUERY, st.binary(max_size=20) | LIKE_AN_ANSWER.map(str.encode), max_size=6))
def test_any_record_is_understood_or_refused(asked: dict[str, bytes]):
    payload = exchange.dump(exchange.answered(query, answer) for query, answer in asked.items())
    try:
        check_declared(KIND.understand(Heard(payload, 1, "exchange"), SETTINGS))
    except ValueError as error:
        assert "no answer of the supply makes sense" in str(error)


@given(st.decimals(-60, 60, places=3) | st.decimals(0, 60, places=7))
def test_a_number_is_the_very_number_that_was_sent(number: Decimal):
    said = answer_to("V1O?", f"{number:f}V\r\n".encode())
    assert said.values == {"output_1_voltage": float(f"{number:f}")}


@pytest.mark.parametrize("now", [1.78e9 + 3600 * hour for hour in range(0, 60, 7)])
@pytest.mark.parametrize("alarm", [True, False])
def test_no_answer_is_one_to_the_question_asked_after_it(now: float, alarm: bool):
    """So a supply whose answers come one late is found out by the first of them."""
    made = CPX200Emulator(1, lambda: now)
    made.alarm = alarm
    asked = queries(options_of(SETTINGS))
    for before, after in itertools.pairwise([*asked, asked[0]]):
        reply = made.reply(before.encode())
        assert reply is not None
        assert answer_to(before, reply.payload).values
        with pytest.raises(ValueError, match="is no answer to"):
            answer_to(after, reply.payload)


def test_other_forms_are_refused():
    with pytest.raises(ValueError, match=r"'modbus' is no form .* expected 'exchange'"):
        KIND.understand(Heard(b"[]", 1, "modbus"), SETTINGS)
