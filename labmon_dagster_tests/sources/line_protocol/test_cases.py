"""Every folder in cases/ is a file, and what must come of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from labmon_dagster.sources.line_protocol.reader import read
from labmon_dagster_tests.sources.text_cases import cases, check


@pytest.mark.parametrize("case", cases(__file__), ids=lambda path: path.name)
def test_cases(case: Path):
    check(case, read)
