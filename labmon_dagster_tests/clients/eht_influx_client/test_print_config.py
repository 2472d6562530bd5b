"""print-config: a file that works as it stands and names every key, and the command that shows what waits."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from labmon_dagster.cli import app
from labmon_dagster.cli.eht import app as own_app
from labmon_dagster.clients.eht_influx_client import EHTInfluxDBClient
from labmon_dagster.clients.eht_influx_client.config import Server, Settings
from labmon_dagster.clients.eht_influx_client.ini import read_sections
from labmon_dagster.clients.eht_influx_client.printing import config_text
from labmon_dagster.clients.eht_influx_client.reading import settings_of
from labmon_dagster_tests.clients.eht_influx_client.conftest import away

_KEY = re.compile(r"^(?:# )?([a-z_]+) =(.*)$", re.MULTILINE)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return tmp_path / "influx_config.ini"


def test_both_commands_print_it() -> None:
    for command, arguments in ((app, ["eht", "print-config"]), (own_app, ["print-config"])):
        done = CliRunner().invoke(command, arguments)
        assert (done.exit_code, done.stdout) == (0, config_text())


def test_it_works_as_it_stands(config: Path) -> None:
    config.write_text(config_text())
    client = EHTInfluxDBClient.from_config_file(config)
    (server,) = client.settings.servers.values()
    assert (server.url, server.bucket, server.org, server.secret()) == (
        "http://localhost:8086",
        "vlbimon_test",
        "eht",
        "my-token",
    )


def test_every_key_is_there_with_its_meaning_and_default(config: Path) -> None:
    main, server = config_text().split("[server local]")
    known = {main: Settings, server: Server}
    for text, model in known.items():
        keys = [name for name, field in model.model_fields.items() if not field.exclude]
        assert [key for key, _ in _KEY.findall(text)] == keys
        for name in keys:
            assert f"# {model.model_fields[name].description}" in text


def test_the_defaults_can_be_taken_in(config: Path) -> None:
    config.write_text(config_text())
    plain = settings_of(config, {})
    config.write_text(re.sub(r"(?m)^# ([a-z_]+ =)", r"\1", config_text()))
    assert set(read_sections(config)["eht_influx"]) == set(Settings.model_fields) - {"servers"}
    assert set(read_sections(config)["server local"]) == set(Server.model_fields)
    assert settings_of(config, {}) == plain


def test_status_shows_what_waits_and_fails_where_a_server_is_away(config: Path) -> None:
    config.write_text(f"[eht_influx]\n{away('global')}")
    done = CliRunner().invoke(app, ["eht", "status", "--config", str(config)])
    assert done.exit_code == 1
    assert re.search(
        r"^global +http://127.0.0.1:9/nowhere_test +\? +\? +.*refused", done.stdout, re.MULTILINE
    )


def test_a_wrong_file_is_told_in_one_line(config: Path) -> None:
    done = CliRunner().invoke(app, ["eht", "status", "--config", str(config)])
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr.startswith(f"labmon: {config}: No such file") and done.stderr.count("\n") == 1
