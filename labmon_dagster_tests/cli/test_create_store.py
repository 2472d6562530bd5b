"""`labmon create-store`, and what the other commands say of a store that is not there."""

from __future__ import annotations

from pathlib import Path

import pytest

from labmon_dagster_tests.cli.lab import labmon, told
from labmon_dagster_tests.databases import Url, urls
from labmon_dagster_tests.servers.influx import Influxd

LOOKING = (["status"], ["query", "m"], ["quarantine", "list"], ["quarantine", "retry", "--all"])


@pytest.fixture
def place(influx: Url, fresh: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """A place in an InfluxDB that is not there yet."""
    monkeypatch.setenv("LABMON_TIMESERIES_URL", influx(fresh))
    return fresh


def policies(influxd: Influxd, database: str) -> dict[str, str]:
    found = influxd.query(f'SHOW RETENTION POLICIES ON "{database}"')
    return {one["name"]: one["duration"] for one in found}


def test_everything_is_kept_unless_asked_otherwise(place: str, influxd: Influxd) -> None:
    assert place in told("create-store")
    assert list(policies(influxd, place).values()) == ["0s"]
    assert told("create-store") == "store 'timeseries': was there already\n"
    result = labmon("create-store", "--retention", "30d")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.endswith(
        f"{place!r} is there, but keeps inf, not 30d as is asked; it was left as it is\n"
    )
    assert list(policies(influxd, place).values()) == ["0s"]


def test_where_data_expire_the_books_do_not(place: str, influxd: Influxd, influx: Url) -> None:
    made = told("create-store", "--retention", "30d")
    assert "keeps 30d" in made and "keeps inf" in made
    books = policies(influxd, f"{place}_labmon") if "influxdb+" in influx("") else policies(influxd, place)
    assert "720h0m0s" in policies(influxd, place).values()
    assert "0s" in books.values()
    assert told("create-store", "--retention", "30d") == "store 'timeseries': was there already\n"
    assert told("status") == ""
    for other in ("inf", "36h"):
        result = labmon("create-store", "--retention", other)
        assert result.exit_code == 1
        assert f"keeps 30d, not {other} as is asked" in result.stderr


def test_a_database_of_the_older_scripts_gets_a_place_for_the_books(place: str, influxd: Influxd) -> None:
    influxd.query(f'CREATE DATABASE "{place}" WITH DURATION 30d')
    missing = labmon("status")
    assert (missing.exit_code, missing.stdout) == (1, "")
    assert "for the ledger is not there; `labmon create-store --retention 30d` makes it" in missing.stderr
    assert "labmon" in told("create-store", "--retention", "30d")
    assert told("status") == ""


@pytest.mark.usefixtures("place")
@pytest.mark.parametrize("command", LOOKING, ids=" ".join)
def test_a_database_that_is_not_there_is_one_line(command: list[str], influxd: Influxd, place: str) -> None:
    result = labmon(*command)
    assert (result.exit_code, result.stdout) == (1, "")
    assert len(result.stderr.splitlines()) == 1
    assert "`labmon create-store` makes" in result.stderr and place in result.stderr
    assert place not in [one["name"] for one in influxd.query("SHOW DATABASES")]


@pytest.mark.parametrize("scheme", ["influxdb1+http://reader@", "influxdb+http://"])
@pytest.mark.parametrize("command", [*LOOKING, ["create-store"]], ids=" ".join)
def test_a_server_that_is_away_is_one_line(
    scheme: str, command: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LABMON_TIMESERIES_URL", f"{scheme}127.0.0.1:1/lab")
    monkeypatch.setenv("LABMON_INFLUXDB_TOKEN", "s3cret")
    monkeypatch.setenv("LABMON_INFLUXDB_PASSWORD", "s3cret")
    result = labmon(*command)
    assert (result.exit_code, result.stdout) == (1, "")
    assert len(result.stderr.splitlines()) == 1
    assert "InfluxDB at http://127.0.0.1:1" in result.stderr and "refused" in result.stderr
    assert "tried again" not in result.stderr
    assert "s3cret" not in result.output


def test_a_server_without_an_api_of_buckets_says_what_to_write(
    influxd: Influxd, fresh: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LABMON_TIMESERIES_URL", f"influxdb+{influxd.url}/{fresh}")
    result = labmon("create-store")
    assert result.exit_code == 1
    assert "no API for buckets; if it is 1.x, write influxdb1+http(s)://" in result.stderr


def test_a_wrong_token_is_one_line_without_it(
    influxd: Influxd, fresh: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LABMON_INFLUXDB_TOKEN", "wr0ng")
    with urls(influxd, 2) as url:
        monkeypatch.setenv("LABMON_TIMESERIES_URL", url(fresh))
        for command in ("create-store", "status"):
            result = labmon(command)
            assert result.exit_code == 1
            assert "HTTP 401: unauthorized access; check LABMON_INFLUXDB_TOKEN" in result.stderr
            assert "wr0ng" not in result.stderr


def test_a_file_is_made_once(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABMON_LOCAL_URL", f"sqlite:///{home}/deep/local.db")
    assert told("create-store", "--store", "local") == f"store 'local': file {home}/deep/local.db\n"
    assert told("create-store", "--store", "local") == "store 'local': was there already\n"
    assert told("status", "--store", "local") == ""
    assert labmon("status").exit_code == 1, "another store is not there"


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (["--retention", "30d"], 2, "SQLite keeps everything"),
        (["--retention", "30 days"], 2, "is no retention; write inf, or a whole number and h, d or w"),
        (["--retention", "0d"], 2, "is no retention"),
        (["--store", "remote"], 1, "store 'remote': LABMON_REMOTE_URL is not set"),
        (["--store", "No"], 1, "'No' is no name of a store"),
    ],
)
def test_errors_say_what_is_allowed(options: list[str], code: int, said: str, home: Path) -> None:
    result = labmon("create-store", *options)
    assert (result.exit_code, result.stdout) == (code, "")
    assert said in result.stderr
    assert not home.exists()
