"""Every folder in cases/ is a poll of a supply, and what must come of it.

A line of ``input.txt`` is ``question -> answer``, with escapes; an answer that begins with ! is an error.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from labmon_dagster.model.devices import Address, DeviceSettings, Heard, Said
from labmon_dagster.sources.aim_tti.kinds import KINDS
from labmon_dagster.sources.wire import exchange

(KIND,) = KINDS
FOUND = sorted(path for path in (Path(__file__).parent / "cases").iterdir() if path.is_dir())
SETTINGS = DeviceSettings("supply", "CPX200", Address("tcp", "127.0.0.1"))


def payload(case: Path) -> bytes:
    asked = []
    for line in (case / "input.txt").read_text().splitlines():
        question, _, answer = line.partition(" -> ")
        if answer.startswith("! "):
            asked.append(exchange.failed(question, answer[2:]))
        else:
            told = answer.encode().decode("unicode_escape").encode("latin-1")
            asked.append(exchange.answered(question, told))
    return exchange.dump(asked)


@pytest.mark.parametrize("case", FOUND, ids=lambda path: path.name)
def test_case(case: Path):
    heard = Heard(payload(case), 1, "exchange")
    expected = json.loads((case / "expected.json").read_text())
    if "error" in expected:
        with pytest.raises(ValueError, match=r"\w") as caught:
            KIND.understand(heard, SETTINGS)
        assert str(caught.value) == expected["error"]
    else:
        found = KIND.understand(heard, SETTINGS)
        assert found == Said(**expected)
        assert {name: type(value) for name, value in found.values.items()} == {
            name: type(value) for name, value in expected["values"].items()
        }


def test_there_are_cases():
    assert len(FOUND) > 10
