"""docs/binning.md: its loop, its frame, its YAML and its commands do what they say."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from labmon_dagster.binning import BinSpec
from labmon_dagster.components import LoggerNetTable
from labmon_dagster_tests.docs.test_commands import ROOT, blocks, project, shell

__all__ = ["project"]

BINNING = ROOT / "docs" / "binning.md"


def run(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout


def test_the_loop_gives_bins_a_second_apart() -> None:
    loop, frame = blocks(BINNING, "python")
    told = [eval(line) for line in run(loop).splitlines()]
    starts = [start for tuples in told for start, _ in tuples]
    assert len(starts) >= 1
    assert starts == [starts[0] + n for n in range(len(starts))]
    assert all(start.is_integer() for start in starts)
    said = run(frame)
    assert "1970-01-01 00:00:00 UTC ┆ Kp      ┆ 150.0" in said


def test_every_key_is_in_the_table() -> None:
    text = BINNING.read_text()
    assert [name for name in BinSpec.model_fields if f"| `{name}` |" not in text] == []
    (given,) = blocks(BINNING, "yaml")
    assert LoggerNetTable.model_validate(yaml.safe_load(given)["attributes"]).feed().interval == 60 * 10**9


@pytest.mark.slow
def test_an_asset_of_bins_is_one_yaml_file(project: Path) -> None:
    (given,) = blocks(BINNING, "yaml")
    path = project / "labmon_dagster/defs/ameriflux_minutes/defs.yaml"
    assert str(path.relative_to(project)) in BINNING.read_text()
    path.parent.mkdir()
    path.write_text(given)
    output = shell(project, "".join(blocks(BINNING, "sh")))
    lines = [line for line in output.splitlines() if line.startswith("2021-06-25T15:5")]
    assert lines == [
        f"2021-06-25T15:5{n}:00.000000000Z,46m,{12 * n + 5.5 if n < 5 else 59.0},5.0" for n in range(6)
    ]
