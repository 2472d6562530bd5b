from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labmon_dagster.model.devices import SwitchingError
from labmon_dagster.sources.imacrt.queries import checked_query


@pytest.mark.parametrize(
    "query", ["*IDN?", "*IDN", "MMR3GET 0", "MMR3GET 35", "MGC3GET 11", "MGC3GET 45", "MRHTGET 3"]
)
def test_questions_may_be_sent(query: str) -> None:
    assert checked_query(query) == query
    assert checked_query(query + "\n") == query
    assert checked_query(query + "\r\n") == query


@pytest.mark.parametrize(
    "text",
    [
        "MMR3SET 12 1e-7",
        "MGC3SET 1 1",
        "MRHTSET 3 1",
        "MACRTSET 0x101 1",
        "REBOOT 1",
        "MES 1",
        "1;2;0.5",
        "1;2;0.5\n",
        "0 1",
        "",
        "\n",
        "*RST",
        "mgc3set 1 1",
        "MMR3GET",
        "MMR3GET 3 1",
        "MMR3GET -3",
        "MMR3GET 03",
        "MMR3GET 3.0",
        "MMR3GET ٣",
        "MMR3GET 1234",
        "MMR3GET  3",
        " MMR3GET 3",
        "MMR3GET 3 ",
        "MMR3GET 3\n\n",
        "MMR3GET 3\nMMR3SET 12 1",
        "MMR3SET 12 1\nMMR3GET 3",
        "MMR3GET 3\rMMR3SET 12 1",
        "MMR3GET 3;MMR3SET 12 1",
        "*IDN?\x00MGC3SET 1 1",
        "*IDN??",
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(SwitchingError, match=r"is no query, so it is not sent; allowed: \*IDN"):
        checked_query(text)


def test_a_long_text_is_not_shown_whole() -> None:
    with pytest.raises(SwitchingError) as error:
        checked_query("MGC3SET 1 " + "1" * 10_000)
    assert len(str(error.value)) < 200


@given(st.text(alphabet="MRGC3SETH*IDN? 0159;\n\r\0x.-", max_size=20))
def test_what_passes_is_a_question(text: str) -> None:
    try:
        query = checked_query(text)
    except SwitchingError:
        return
    assert re.match(r"\*IDN|M(MR3|GC3|RHT)GET \d{1,3}\Z", query)
    assert "SET" not in query
    assert query.isprintable()
