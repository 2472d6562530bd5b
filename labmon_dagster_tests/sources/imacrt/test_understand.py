from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labmon_dagster.model.devices import Address, DeviceSettings, Heard, Kind
from labmon_dagster.sources.imacrt.kinds import KINDS
from labmon_dagster.sources.wire import exchange

_CASES = sorted(path for path in (Path(__file__).parent / "cases").iterdir() if path.is_dir())
_BY_TYPE = {kind.type: kind for kind in KINDS}


def _settings(kind: Kind) -> DeviceSettings:
    return DeviceSettings("module", kind.type, Address.parse("udp://192.168.44.61"))


def _payload(case: Path) -> bytes:
    text = case / "input.txt"
    return text.read_bytes() if text.exists() else bytes.fromhex((case / "input.hex").read_text())


@pytest.mark.parametrize("case", _CASES, ids=lambda case: case.name)
def test_case(case: Path) -> None:
    expected = json.loads((case / "expected.json").read_text())
    kind = _BY_TYPE[expected["type"]]
    heard = Heard(_payload(case), 1, expected["form"])
    if "error" in expected:
        with pytest.raises(ValueError) as error:
            kind.understand(heard, _settings(kind))
        assert expected["error"] in str(error.value)
        return
    said = kind.understand(heard, _settings(kind))
    found = {"values": said.values, "units": said.units, "missing": said.missing, "details": said.details}
    assert found == {"details": {}, **{key: expected[key] for key in expected if key in found}}


def test_there_are_cases() -> None:
    assert len(_CASES) >= 8


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.type)
@given(payload=st.binary(max_size=60))
def test_any_bytes_are_understood_or_a_value_error(kind: Kind, payload: bytes) -> None:
    for form in ("exchange", "unasked", "else"):
        try:
            said = kind.understand(Heard(payload, 1, form), _settings(kind))
        except ValueError:
            continue
        assert form != "else"
        assert not set(said.values) & set(said.missing)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.type)
@given(answers=st.lists(st.binary(max_size=20), min_size=36, max_size=36))
def test_any_answers_are_values_or_missing(kind: Kind, answers: list[bytes]) -> None:
    record = [exchange.answered(f"{kind.type}GET {index}", answer) for index, answer in enumerate(answers)]
    said = kind.understand(Heard(exchange.dump(record), 1, "exchange"), _settings(kind))
    assert len(said.values) + len(said.missing) == 36
    declared = {field.name: field.type for field in kind.quantities(_settings(kind))}
    types = {"float": float, "integer": int, "text": str}
    assert all(type(value) is types[declared[name]] for name, value in said.values.items())
