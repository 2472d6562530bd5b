"""Every test has a LABMON_HOME of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import settings as hypothesis_settings

from labmon_dagster.running.instruments import SIMULATED
from labmon_dagster.settings import open_store
from labmon_dagster.stores import SqliteStore

# No test is timed: a machine that is busy must not fail one.
hypothesis_settings.register_profile("lab", deadline=None)
hypothesis_settings.load_profile("lab")

pytest_plugins = ["labmon_dagster_tests.servers.fixtures", "labmon_dagster_tests.databases"]

_SETTINGS = (
    "LABMON_TIMESERIES_URL",
    "LABMON_DOCUMENTS_URL",
    "AMERIFLUX_UMBS_DIR",
    "CMS_MTD_ARCHIVE_URL",
    "LABMON_RECORDS",
    "RICOCHET_POLL",
    "RICOCHET_PROCESSING",
    "COSMIC_MQTT",
    "COSMIC_DUMPS",
    *(str(one.variable) for one in SIMULATED),
    "DAGSTER_HOME",
)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """LABMON_HOME of the test, and no other settings of labmon or Dagster."""
    folder = tmp_path / "home"
    for name in _SETTINGS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LABMON_HOME", str(folder))
    return folder


@pytest.fixture
def embedded(home: Path) -> Iterator[SqliteStore]:
    """The embedded store of the test's home."""
    store = open_store()
    assert isinstance(store, SqliteStore)
    with closing(store):
        yield store
