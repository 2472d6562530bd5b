"""The commands in the documents do what they say, in a copy of the project."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import ExitStack, suppress
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from labmon_dagster.sources.wincc_archive.emulator import SimulatedArchive
from labmon_dagster_tests import tables
from labmon_dagster_tests.servers.influx import Influxd
from labmon_dagster_tests.servers.translator import Translator

ROOT = Path(__file__).parents[2]
DATABASES = ROOT / "docs" / "databases.md"
TOKEN = "t0ken"
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
_FENCE = re.compile(r"^```(\w*)( \w+)?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\((?!https?:)([^)#]+)")
_SHARED = {"wire", "emulation"}  # no sources themselves
_COPIED = ("labmon_dagster", "pyproject.toml", "dagster.yaml", "workspace.yaml", "README.md")


def blocks(document: Path, language: str, mark: str = "") -> list[str]:
    """The blocks of a language (and mark); those marked `readings` need data in the store and come last."""
    found = [
        (m, text) for lang, m, text in _FENCE.findall(document.read_text()) if lang == language and mark in m
    ]
    return [text for m, text in sorted(found, key=lambda block: "readings" in block[0])]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of the project with data for both towers of the documents, and the archive."""
    copy = tmp_path / "project"
    copy.mkdir()
    for name in _COPIED:
        source = ROOT / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, copy / name)
    (copy / ".venv").symlink_to(Path(sys.prefix))
    recent = datetime.now() - timedelta(hours=1)
    for first in (datetime(2021, 6, 25, 10, 50, 5), recent):
        name = f"46m_{first:%Y}.dat"
        tables.write(copy / "var/lab/ameriflux_umbs" / name, tables.header(), tables.rows(first, 60))
    SimulatedArchive(copy / "var/lab/cms_mtd/archive.db", history_hours=2).catch_up(time.time())
    falls = ("TIMESTAMP", "RECORD", "AirTC_Avg", "RH", "WS_ms_Avg")
    lines = (
        tables.row(datetime(2021, 6, 25) + timedelta(minutes=30 * n), n, 20.5, 55, 3.25) for n in range(48)
    )
    tables.write(
        copy / "var/lab/ameriflux_falls/Falls_Met.dat",
        tables.header(falls, station="Falls", table="Met"),
        lines,
    )
    return copy


def shell(project: Path, script: str) -> str:
    environment = {
        k: v
        for k, v in os.environ.items()
        if not k.startswith(("LABMON_", "DAGSTER_", "AMERIFLUX_", "CMS_MTD_", "RICOCHET_"))
    }
    done = subprocess.run(
        ["bash", "-euc", script],
        cwd=project,
        env={**environment, "PYTHONPATH": str(project), "DAGSTER_DISABLE_TELEMETRY": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, f"{script}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.mark.slow
def test_the_readme_does_what_it_says(project: Path) -> None:
    output = shell(project, "".join(blocks(ROOT / "README.md", "sh")))
    assert "ameriflux_umbs/tower_46m" in output
    assert "channel  chip  module  source" in output
    assert "time,station,table,Calibration_PPFD,Calibration_PPFD_qc,Diffuse_PPFD" in output


@pytest.mark.slow
def test_a_second_tower_is_one_yaml_file(project: Path) -> None:
    document = ROOT / "docs" / "add-a-source.md"
    (yaml,) = blocks(document, "yaml")
    path = project / "labmon_dagster/defs/ameriflux_falls/defs.yaml"
    assert str(path.relative_to(project)) in document.read_text()
    path.parent.mkdir()
    path.write_text(yaml)
    output = shell(project, "".join(blocks(document, "sh")))
    assert "ameriflux_falls/met" in output
    assert "2021-06-25T05:00:00.000000000Z,Falls,20.5,1,55.0,293.65,3.25" in output
    assert output.count(",Falls,") == 38, (
        "the UTC day holds the rows from 00:00 to 18:30 of the logger's clock"
    )


@pytest.mark.slow
def test_the_production_set_serves_the_lab(project: Path) -> None:
    document = ROOT / "docs" / "production.md"
    shell(project, "".join(blocks(document, "sh", "prepare")[:1]))
    (serving,) = blocks(document, "sh", "serve")
    ports = {"4266": free_port(), "3000": free_port()}
    for usual, free in ports.items():
        serving = serving.replace(usual, free)
        workspace = project / "workspace.yaml"
        workspace.write_text(workspace.read_text().replace(usual, free))
    environment = {
        **os.environ,
        "LABMON_HOME": str(project / "var"),
        "DAGSTER_HOME": str(project / "var/dagster"),
    }
    with ExitStack() as stack:
        for command in serving.splitlines():
            process = subprocess.Popen(
                command.split(),
                cwd=project,
                env={**environment, "PYTHONPATH": str(project), "DAGSTER_DISABLE_TELEMETRY": "1"},
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
            )
            stack.callback(process.wait, timeout=60)
            stack.callback(process.send_signal, signal.SIGINT)
        assert location_loaded(ports["3000"], within=90)


@pytest.fixture
def influx_lab(project: Path) -> Path:
    """The project as the environment of its README has it, and the secret the documents speak of."""
    (project / "secret").write_text(f"{TOKEN}\n")
    (project / "var/dagster").mkdir(parents=True)
    shutil.copy(project / "dagster.yaml", project / "var/dagster")
    return project


def behind(project: Path, script: str, url: str) -> str:
    """A script of databases.md, for the server there is."""
    homes = "export LABMON_HOME=$PWD/var DAGSTER_HOME=$PWD/var/dagster\n"
    script = script.replace("http://localhost:8086", url).replace(
        "labmon@localhost:8086", f"labmon@{url[7:]}"
    )
    return homes + script.replace("/etc/labmon/influxdb.secret", str(project / "secret"))


@pytest.mark.slow
@pytest.mark.parametrize("api", ["influxdb1", "influxdb2"])
def test_another_database_is_a_url(api: str, influx_lab: Path, influxd: Influxd) -> None:
    (script,) = blocks(DATABASES, "sh", api)
    with Translator(influxd, token=TOKEN) as translator:
        url = influxd.url if api == "influxdb1" else translator.url
        output = shell(influx_lab, behind(influx_lab, script, url))
    influxd.query('DROP DATABASE "lab"')
    assert "'lab', which keeps inf" in output
    assert "time,station,table,Calibration_PPFD,Calibration_PPFD_qc,Diffuse_PPFD" in output
    assert output.count("2021-06-25T15:5") == 60
    assert not (influx_lab / "var/readings.db").exists()


def test_a_further_store_has_a_name(influx_lab: Path) -> None:
    (script,) = blocks(DATABASES, "sh", "stores")
    output = shell(influx_lab, behind(influx_lab, script, ""))
    assert "store 'local': file" in output and "nothing is in quarantine" in output


@pytest.mark.slow
def test_a_server_of_ones_own_is_tried(influx_lab: Path, influxd: Influxd) -> None:
    (script,) = blocks(DATABASES, "sh", "live")
    with Translator(influxd, token=TOKEN) as translator:
        output = shell(ROOT, behind(influx_lab, script, translator.url).replace("$PWD/var", str(influx_lab)))
    influxd.query('DROP DATABASE "labmon_trial"')
    assert re.search(r"^\d+ passed in", output, re.MULTILINE) and "skipped" not in output


def free_port() -> str:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return str(listener.getsockname()[1])


def location_loaded(port: str, within: float) -> bool:
    query = b'{"query": "{repositoriesOrError {... on RepositoryConnection {nodes {location {name}}}}}"}'
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/graphql", query, {"Content-Type": "application/json"}
    )
    until = time.monotonic() + within
    while time.monotonic() < until:
        with suppress(OSError), urllib.request.urlopen(request, timeout=5) as answer:
            if b'"labmon_dagster"' in answer.read():
                return True
        time.sleep(0.5)
    return False


@pytest.mark.slow
def test_devices_are_asked_and_looked_at(project: Path) -> None:
    (script,) = blocks(ROOT / "docs" / "devices.md", "sh", "devices")
    output = shell(project, "trap 'kill $(jobs -p) || true' EXIT\n" + script)
    assert "7 devices asked, 7 answered" in output
    assert "ricochet/power_supplies" in output
    assert '"type": "CMCPA"' in output
    assert re.search(r"dewar  JSON-SCALE  http://.*\n(  .*\n)*  mass +[0-9.]+ +kg", output)
    assert re.search(r"ricochet/imacrt +mmr3 +MMR3 +ok", output)


def test_units_start_what_the_document_says() -> None:
    (serving,) = blocks(ROOT / "docs" / "production.md", "sh", "serve")
    units = "".join(unit.read_text() for unit in sorted((ROOT / "deploy").glob("*.service")))
    for command in serving.splitlines():
        assert f"ExecStart=/opt/labmon/{command}\n" in units


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(document: Path) -> None:
    broken = [link for link in _LINK.findall(document.read_text()) if not (document.parent / link).exists()]
    assert broken == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_make_targets_exist(document: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"(?:`|^)make ([a-z-]+)", document.read_text(), re.MULTILINE)) <= targets


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) < 150


def test_every_source_has_a_readme_with_the_same_parts() -> None:
    for folder in (ROOT / "labmon_dagster" / "sources").iterdir():
        if folder.name not in _SHARED and (folder / "__init__.py").exists():
            text = (folder / "README.md").read_text()
            for part in ("In YAML", "Fields", "Example output", "Troubleshooting"):
                assert f"## {part}" in text, f"{folder.name}/README.md lacks the part {part!r}"
