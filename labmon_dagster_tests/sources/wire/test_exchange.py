from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labmon_dagster.sources.wire import exchange
from labmon_dagster.sources.wire.exchange import Exchange


def test_the_record_shows_text_as_it_is_and_other_bytes_in_base64() -> None:
    record = [
        exchange.answered("MMR3GET 3", b"1.2e4\r\n"),
        exchange.answered("STATUS?", b"\x80"),
        exchange.failed("V1?", "no answer within 1 s"),
    ]
    assert exchange.dump(record) == (
        b'[{"asked":"MMR3GET 3","text":"1.2e4\\r\\n"},'
        b'{"asked":"STATUS?","base64":"gA=="},'
        b'{"asked":"V1?","error":"no answer within 1 s"}]'
    )


@given(st.lists(st.tuples(st.text(st.characters(codec="utf-8")), st.binary())))
def test_answers_come_back_byte_for_byte(answers: list[tuple[str, bytes]]) -> None:
    record = exchange.parse(exchange.dump(exchange.answered(asked, answer) for asked, answer in answers))
    assert [(one.asked, one.answer) for one in record] == answers


def test_an_error_has_no_answer() -> None:
    (one,) = exchange.parse(exchange.dump([exchange.failed("V1?", "silence")]))
    assert one == Exchange("V1?", error="silence")
    assert one.answer is None


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\xff",
        b"{}",
        b"[1]",
        b'[{"text":"1"}]',
        b'[{"asked":"a"}]',
        b'[{"asked":"a","text":"1","error":"e"}]',
        b'[{"asked":"a","text":"1","more":"2"}]',
        b'[{"asked":"a","text":1}]',
        b'[{"asked":"\xff","text":"1"}]',
        b'[{"asked":"a","text":"1"}',
    ],
)
def test_what_is_no_record_is_refused(payload: bytes) -> None:
    with pytest.raises(ValueError, match="no record of questions and answers"):
        exchange.parse(payload)


@given(st.binary())
def test_any_bytes_are_a_record_or_a_value_error(payload: bytes) -> None:
    try:
        record = exchange.parse(payload)
    except ValueError:
        return
    assert exchange.parse(exchange.dump(record)) == record


def test_base64_that_is_none_is_a_value_error() -> None:
    (one,) = exchange.parse(b'[{"asked":"a","base64":"!!"}]')
    with pytest.raises(ValueError, match="base64"):
        _ = one.answer
