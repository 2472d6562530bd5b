"""The figures of a large folder, over a small one."""

from __future__ import annotations

from pathlib import Path

from labmon_dagster_tests.system.processing_folder import delivery, ticks


def test_ticks_see_unknown_files_and_pass_over_known_ones(tmp_path: Path) -> None:
    figures = dict(ticks(tmp_path / "files", 2500))
    assert [name for name in figures if name.startswith("tick")] == [
        f"tick, all {kind}: s" for kind in ("unknown", "unknown again", "known", "known again")
    ]


def test_all_files_are_delivered(tmp_path: Path) -> None:
    assert dict(delivery(tmp_path / "files", 1100))["delivered: files/s"]
