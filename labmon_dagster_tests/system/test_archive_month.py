"""The month of an archive in small: the ledger, plain SQL and memory."""

from __future__ import annotations

from pathlib import Path

import pytest

from labmon_dagster_tests.sources.wincc_archive.judge import Verdict
from labmon_dagster_tests.system.archive_month import month


@pytest.mark.slow
def test_a_month_is_whole_and_takes_the_memory_of_three_days(tmp_path: Path) -> None:
    told = month(tmp_path, 300_000, size=5_000)
    assert Verdict(**told["before_the_late_rows"]["judge"]).right
    late = Verdict(**told["with_the_late_rows"])
    assert late.missing > 400
    assert told["recount"]["readings"] == late.wanted - late.stored
    assert Verdict(**told["after_the_recount"]["judge"]).right
    few, many = told["three_days"]["peak_mib"], told["thirty_days"]["peak_mib"]
    assert many <= 1.2 * few, f"30 days took {many} MiB, 3 days {few} MiB"
