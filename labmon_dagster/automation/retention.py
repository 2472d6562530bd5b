"""What is done once a day so that disks do not fill: old runs are cleared, past days of journals compressed.

Dagster keeps every run for ever, and on SQLite each is a file of its own. Deleting a run deletes its
materializations, so only runs are deleted whose days were all materialized again since: the calendar in the
UI stays as it is.
"""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg

from labmon_dagster.collector.once import close_past_days
from labmon_dagster.journal import sources
from labmon_dagster.settings import journal_root

KEEP_DAYS = 7
_PAGE = 500
_FINISHED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]


class RetentionConfig(dg.Config):
    """How many days superseded runs are kept."""

    keep_days: float = KEEP_DAYS


def needed_runs(instance: dg.DagsterInstance) -> set[str]:
    """The runs that hold the newest materialization of some partition of some asset."""
    needed: set[str] = set()
    for key in instance.all_asset_keys():
        newest = instance.event_log_storage.get_latest_storage_id_by_partition(
            key, dg.DagsterEventType.ASSET_MATERIALIZATION
        )
        ids = sorted(newest.values())
        for first in range(0, len(ids), _PAGE):
            wanted = dg.AssetRecordsFilter(asset_key=key, storage_ids=ids[first : first + _PAGE])
            needed |= {
                record.run_id for record in instance.fetch_materializations(wanted, limit=_PAGE).records
            }
    return needed


def clear_runs(instance: dg.DagsterInstance, before: datetime) -> int:
    """Delete the superseded runs that ended before an instant; give how many."""
    needed = needed_runs(instance)
    wanted = dg.RunsFilter(statuses=_FINISHED, created_before=before)
    deleted, cursor = 0, None
    while records := instance.get_run_records(wanted, limit=_PAGE, cursor=cursor):
        cursor = records[-1].dagster_run.run_id
        for record in records[:-1] if len(records) == _PAGE else records:
            if record.dagster_run.run_id not in needed:
                instance.delete_run(record.dagster_run.run_id)
                _remove_file(instance, record.dagster_run.run_id)
                deleted += 1
        if len(records) < _PAGE:
            break
    return deleted


def _remove_file(instance: dg.DagsterInstance, run_id: str) -> None:
    """The SQLite event log keeps a file for each run, also for deleted ones."""
    folder = Path(instance.root_directory) / "history" / "runs"
    for name in (f"{run_id}.db", f"{run_id}.db-wal", f"{run_id}.db-shm"):
        (folder / name).unlink(missing_ok=True)


@dg.op
def clear_old_runs(context: dg.OpExecutionContext, config: RetentionConfig) -> None:
    """Delete superseded runs."""
    before = datetime.now(UTC) - timedelta(days=config.keep_days)
    context.log.info(
        f"deleted {clear_runs(context.instance, before)} superseded runs from before {before:%Y-%m-%d}"
    )


@dg.op
def compress_journals(context: dg.OpExecutionContext) -> None:
    """Compress past days of all journals, also of those that no collector writes; fails if one cannot be."""
    root = journal_root()
    troubles = close_past_days(root, sources(root))
    for trouble in troubles:
        context.log.error(trouble)
    if troubles:
        raise dg.Failure(troubles[0])


@dg.job(
    description="Deletes runs that are superseded and older than a week; compresses past days of journals."
)
def retention_job() -> None:
    """Clear old runs, compress journals."""
    clear_old_runs()
    compress_journals()


retention_schedule = dg.ScheduleDefinition(
    name="retention",
    job=retention_job,
    cron_schedule="10 4 * * *",
    default_status=dg.DefaultScheduleStatus.RUNNING,
)
