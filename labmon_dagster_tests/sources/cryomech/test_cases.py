"""Every folder in cases/ is a reply of a compressor, and what must come of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from labmon_dagster.model.devices import Said
from labmon_dagster.sources.cryomech.understand import breakdown

FOUND = sorted(path for path in (Path(__file__).parent / "cases").iterdir() if path.is_dir())


def reply(case: Path) -> bytes:
    return bytes.fromhex((case / "input.hex").read_text())


@pytest.mark.parametrize("case", FOUND, ids=lambda path: path.name)
def test_case(case: Path):
    expected = json.loads((case / "expected.json").read_text())
    if "error" in expected:
        with pytest.raises(ValueError, match=r"\w") as caught:
            breakdown(reply(case))
        assert str(caught.value) == expected["error"]
    else:
        found = breakdown(reply(case))
        assert found == Said(**expected)
        assert {name: type(value) for name, value in found.values.items()} == {
            name: type(value) for name, value in expected["values"].items()
        }


def test_there_are_cases():
    assert len(FOUND) > 15
