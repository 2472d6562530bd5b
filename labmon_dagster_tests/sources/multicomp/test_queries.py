from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labmon_dagster.model.devices import SwitchingError
from labmon_dagster.sources.multicomp.options import Options
from labmon_dagster.sources.multicomp.queries import checked_query, queries

SWITCHING = [
    *("VSET1:5.000", "ISET2:0.1", "OUT1234:0", "OUT1:1", "OVPSET1:13", "OVP1:1", "OCPSET1:2", "OCP1:0"),
    *("LOCK:1", "BEEP:0", "SAV1", "RCL9", "LISTCH1", "VASTEP1", "*RST", "*CLS", "VSET1", "VSET5?", "VSET?"),
    *("VSET12?", "vset1?", "OUT1?", "STATUS", "IDN?"),
]


@pytest.mark.parametrize(
    "command",
    [
        *SWITCHING,
        "",
        "?",
        " VSET1?",
        "VSET1?\n",
        "VSET1?\nOUT1:0",
        "OUT1:0;VSET1?",
        "VSET1?;OUT1:0",
        "VSET１?",
    ],
)
def test_what_is_no_query_is_refused(command: str):
    with pytest.raises(SwitchingError, match="never"):
        checked_query(command)


@given(st.text())
def test_only_known_queries_pass(text: str):
    try:
        passed = checked_query(text)
    except SwitchingError:
        return
    assert passed in {"*IDN?", *queries(Options())}


def test_what_one_poll_asks():
    assert queries(Options(channels=(2,))) == (
        ["STATUS?", "VSET2?", "ISET2?", "VOUT2?", "IOUT2?", "OVPSET2?", "OCPSET2?", "OVP2?", "OCP2?"]
    )
    assert queries(Options(channels=(1, 3), protection=False)) == (
        ["STATUS?", "VSET1?", "ISET1?", "VOUT1?", "IOUT1?", "VSET3?", "ISET3?", "VOUT3?", "IOUT3?"]
    )
    assert len(queries(Options())) == 33
