"""Every folder in cases/ is a table, how to read it, and what must come of it."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

import labmon_dagster.sources.loggernet as room
from labmon_dagster.sources.loggernet.snapshots import Snapshot, TableSnapshots
from labmon_dagster_tests.sources.loggernet.reading import NOW, Look, as_csv, files, look, request, spec_of

CASES = Path(room.__path__[0]) / "cases"
FOUND = sorted(path for path in CASES.iterdir() if path.is_dir())
SINGLE = [case for case in FOUND if len(list(case.glob("input*"))) == 1]
PATTERNS = ("input*.dat", "input*.tst")


def spec(case: Path):
    return spec_of(yaml.safe_load((case / "spec.yaml").read_text()) or {})


def check(case: Path, seen: Look, shift: str = "") -> None:
    assert as_csv(seen.batches) == (case / "expected.csv").read_text()
    rejects = "".join(f"{one.place}: {one.reason}\n" for one in seen.rejects)
    assert rejects == (case / "expected_rejects.txt").read_text().replace("input.dat:", f"input.dat{shift}:")
    assert not seen.trouble


@pytest.mark.parametrize("block", [1, 7, 64, 1 << 22])
@pytest.mark.parametrize("case", FOUND, ids=lambda path: path.name)
def test_files(case: Path, block: int):
    check(case, look(files(case, spec(case), block, *PATTERNS)))


@pytest.mark.parametrize(
    "case", [c for c in SINGLE if (c / "input.dat").exists()], ids=lambda path: path.name
)
def test_the_same_table_overwritten(case: Path):
    content = (case / "input.dat").read_bytes()
    snapshot = Snapshot("2021-06-30", 900, NOW, "input.dat", content, settled=False)
    source = TableSnapshots(spec(case), lambda since: [snapshot], lambda known: False, files(case))
    seen = Look(source.read(request()))
    check(case, seen, "@2021-06-30+900")
    assert seen.position["2021-06-30"].offset == 900


@pytest.mark.parametrize("case", FOUND, ids=lambda path: path.name)
def test_what_was_rejected_is_rejected_again(case: Path):
    source = files(case, spec(case), 1 << 22, *PATTERNS)
    for reject in look(source).rejects:
        if reject.context or source.spec.header == "none":
            seen = Look(source.again(reject, NOW))
            assert [one.reason for one in seen.rejects] == [reject.reason]
            assert not seen.rows
