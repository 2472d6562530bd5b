"""The commands on an archive: previewed by the day of its newest row, bad rows listed and tried again."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from labmon_dagster.components.lab import feed_named
from labmon_dagster.landing import Delivery, Landing
from labmon_dagster.model import NOWHERE, Request, Window
from labmon_dagster.stores import SqliteStore
from labmon_dagster_tests.cli.lab import labmon
from labmon_dagster_tests.sources.wincc_archive.archives import FIRST, NOON, START, Archive, after, small

ASSET = "cms_mtd/dcs_readings"


@pytest.fixture
def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Archive:
    found = small(tmp_path / "archive.db")
    monkeypatch.setenv("CMS_MTD_ARCHIVE_URL", f"sqlite:///{found.path}")
    return found.mtrs(*((101 + n % 12, after(n), n / 2) for n in range(40))).plc((201, after(40), 41.5))


def test_only_the_day_of_the_newest_row_is_read(archive: Archive) -> None:
    archive.mtrs((101, NOON - timedelta(days=1), 99.0), (101, after(41), "rubbish"))
    result = labmon("preview", ASSET, "--limit", 50, "--format", "csv")
    assert result.exit_code == 0, result.output
    heading, *rows = result.stdout.splitlines()
    assert heading == "time,channel,chip,module,source,value,value_qc"
    assert len(rows) == 41
    assert rows[0] == "2025-06-01T12:00:00.000000000Z,0,0,,mtrs,0.0,2"
    assert rows[-1] == "2025-06-01T12:00:40.000000000Z,1,,1,plc,41.5,3"
    assert (
        "MTRSCHANNEL DPID 101 at 2025-06-01 12:00:41.000000: ACTUAL_VALUE 'rubbish' is no number"
        in result.stderr
    )


def test_an_archive_without_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CMS_MTD_ARCHIVE_URL", f"sqlite:///{small(tmp_path / 'empty.db').path}")
    result = labmon("preview", ASSET)
    assert (result.exit_code, result.stderr) == (0, "no rows\n")
    monkeypatch.setenv("CMS_MTD_ARCHIVE_URL", f"sqlite:///{tmp_path}/none.db")
    result = labmon("preview", ASSET)
    assert (result.exit_code, result.stderr) == (
        1,
        f"labmon: archive {tmp_path}/none.db: there is no such file\n",
    )


def test_a_row_too_far_in_the_future_is_stored_when_its_time_has_come(
    archive: Archive, embedded: SqliteStore
) -> None:
    archive.mtrs((102, after(41), "rubbish"))
    feed, noon = feed_named(ASSET), START + 43_200 * 10**9
    early = noon - 3600 * 10**9
    request = Request(Window.of_days(FIRST, FIRST), NOWHERE, NOWHERE, early)
    Landing(embedded, Delivery(ASSET, feed.measurement, (FIRST,), feed.recipe), early).land(
        feed.source.read(request)
    )
    pieces = embedded.quarantined(ASSET)
    assert len(pieces) == 42
    assert "more than 30 minutes in the future" in pieces[0].reason
    result = labmon("quarantine", "retry", "--asset", ASSET)
    assert result.exit_code == 0, result.output
    assert "still refused: ACTUAL_VALUE 'rubbish' is no number" in result.stdout
    rows = embedded.fetch(feed.measurement, Window.of_days(FIRST, FIRST))
    assert rows.height == 41
    assert [piece.place.split(" at ")[0].split()[-1] for piece in embedded.quarantined(ASSET)] == ["102"]
