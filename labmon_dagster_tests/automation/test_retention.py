"""Old runs are cleared, but never one that holds the newest materialization of a day."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg

from labmon_dagster.automation.retention import clear_runs, retention_job
from labmon_dagster.journal import Journal
from labmon_dagster.settings import journal_root
from labmon_dagster_tests import tables
from labmon_dagster_tests.labs import materialize, tower


def test_superseded_runs_go_and_the_calendar_stays(tmp_path: Path) -> None:
    first = datetime(2021, 6, 25, 10, 50, 5)
    feed = tower(tables.write(tmp_path / "46m_a.dat", tables.header(), tables.rows(first, 3)).parent)
    with dg.instance_for_test(temp_dir=str(tmp_path)) as instance:
        for last in ("2021-06-24", "2021-06-25", "2021-06-25", "2021-06-25"):
            materialize(feed, "2021-06-23", last, instance=instance)
        kept = materialize(feed, "2021-06-22", instance=instance).run_id
        newest = instance.get_run_records()[1].dagster_run.run_id
        days = instance.get_materialized_partitions(dg.AssetKey(["umbs", "tower"]))
        assert clear_runs(instance, datetime.now(UTC) - timedelta(days=1)) == 0
        assert clear_runs(instance, datetime.now(UTC) + timedelta(seconds=1)) == 3
        assert {record.dagster_run.run_id for record in instance.get_run_records()} == {kept, newest}
        assert instance.get_materialized_partitions(dg.AssetKey(["umbs", "tower"])) == days
        files = {path.stem for path in (tmp_path / "history" / "runs").glob("*.db")} - {"index"}
        assert files == {kept, newest}


def test_past_days_of_every_journal_are_compressed(tmp_path: Path) -> None:
    past = int(datetime(2026, 1, 2, 3, tzinfo=UTC).timestamp()) * 10**9
    journals = [Journal(journal_root(), name, clock=lambda: past) for name in ("lab/a", "lab/b")]
    for journal in journals:
        journal.append(b"kept")
    with dg.instance_for_test(temp_dir=str(tmp_path)) as instance:
        assert retention_job.execute_in_process(instance=instance).success
    for journal in journals:
        assert [path.name for path in journal.folder.glob("2026-*")] == ["2026-01-02.jsonl.gz"]
        assert [entry.payload for entry in journal.read("2026-01-02", 0, lambda damage: None)] == [b"kept"]


def test_a_journal_that_cannot_be_compressed_is_told(tmp_path: Path) -> None:
    folder = journal_root() / "lab" / "a"
    folder.mkdir(parents=True)
    (folder / "2026-01-02.jsonl").write_text('{"labmon_journal": 99, "source": "lab/a"}\n')
    with dg.instance_for_test(temp_dir=str(tmp_path)) as instance:
        done = retention_job.execute_in_process(instance=instance, raise_on_error=False)
        assert not done.success
        assert done.is_node_success("clear_old_runs") and done.is_node_failed("compress_journals")
