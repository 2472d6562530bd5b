"""What the documents say of devices: every key, every port, every variable, and an example that holds."""

from __future__ import annotations

import re

import pytest
import yaml

from labmon_dagster.collector.kinds import KINDS
from labmon_dagster.components import Devices
from labmon_dagster.components.devices import DeviceEntry, TimeseriesEntry
from labmon_dagster.model.devices import Address, DeviceSettings
from labmon_dagster.running.instruments import EMULATED
from labmon_dagster.settings import OWN_STORES, url_variable
from labmon_dagster.sources.aim_tti.asking import PORT as AIM_TTI
from labmon_dagster.sources.cryomech.asking import PORT as CRYOMECH
from labmon_dagster.sources.imacrt.options import device_port
from labmon_dagster.sources.multicomp.supply import PORT as MULTICOMP
from labmon_dagster_tests.docs.test_commands import ROOT, blocks

DEVICES = ROOT / "docs" / "devices.md"
TEXT = DEVICES.read_text()
RUNNING = {
    "LABMON_HOME",
    "LABMON_TIMESERIES_URL",
    "LABMON_DOCUMENTS_URL",
    "LABMON_INFLUXDB_PASSWORD_FILE",
    "LABMON_MONGODB_PASSWORD_FILE",
}


def chapter(title: str) -> str:
    """The text of a heading, up to the next one."""
    found = re.search(rf"^##+ {re.escape(title)}\n(.*?)(?=^##|\Z)", TEXT, re.MULTILINE | re.DOTALL)
    assert found, f"devices.md has no chapter {title!r}"
    return found[1]


def rows(title: str) -> dict[str, str]:
    """The rows of the chapter's table whose first cell is a key: key, then the default."""
    return dict(re.findall(r"^\| `(\w+)` \| ([^|]*?) ?\|", chapter(title), re.MULTILINE))


@pytest.mark.parametrize(
    ("title", "model"),
    [("In YAML", Devices), ("A device", DeviceEntry), ("Readings besides", TimeseriesEntry)],
)
def test_every_key_is_in_its_table_with_its_default(title: str, model: type) -> None:
    fields = model.model_fields  # type: ignore[attr-defined]
    told = rows(title)
    assert set(told) == set(fields)
    for name, field in fields.items():
        if field.is_required():
            assert told[name] == "", name
        elif isinstance(field.default, str) and field.default:
            assert told[name] == f"`{field.default}`", name


def test_the_example_is_what_labmon_takes() -> None:
    (text,) = blocks(DEVICES, "yaml")
    made = Devices.model_validate(yaml.safe_load(text)["attributes"])
    assert [feed.asset for feed in made.feeds()] == ["ricochet/dilution", "ricochet/dilution_readings"]
    assert [station.poll for station in made.stations()] == [5 * 10**9, 30 * 10**9, None]


def test_ports_that_need_not_be_written() -> None:
    text = chapter("Ports")
    for types, port in (("`CMCPA`", CRYOMECH), ("`CPX200`", AIM_TTI), ("`MP710508`", MULTICOMP)):
        assert f"| {types} | {port} |" in text
    for host in ("192.168.44.61", "127.0.0.1"):
        port = device_port(DeviceSettings("it", "MMR3", Address.parse(f"udp://{host}")), host)
        assert f"{port} for {host}" in text


def test_every_kind_is_listed() -> None:
    listed = chapter("Kinds")
    assert [name for name, _ in KINDS if f"`{name}`" not in listed] == []


def test_the_file_of_settings_knows_every_variable() -> None:
    text = (ROOT / "deploy" / "labmon.env").read_text()
    defs = "".join(path.read_text() for path in (ROOT / "labmon_dagster" / "defs").rglob("defs.yaml"))
    wanted = {
        *re.findall(r"env\('(\w+)'", defs),
        *(str(one.variable) for one in EMULATED.values() if one.variable),
        *(url_variable(key.name) for key in OWN_STORES),
    }
    assert [name for name in sorted(wanted | RUNNING) if f"{name}=" not in text] == []
    active = [line.partition("=")[0] for line in text.splitlines() if line and not line.startswith("#")]
    assert active == ["LABMON_HOME", "DAGSTER_HOME", "DAGSTER_DISABLE_TELEMETRY"], "the others are examples"


@pytest.mark.parametrize("room", ["aim_tti", "cryomech", "device_json", "device_page", "imacrt", "multicomp"])
def test_the_page_of_a_kind_leads_to_the_keys(room: str) -> None:
    page = ROOT / "labmon_dagster" / "sources" / room / "README.md"
    (link,) = re.findall(r"\]\(([^)#]+docs/devices.md)#in-yaml\)", page.read_text())
    assert (page.parent / link).resolve() == DEVICES.resolve()


def test_anchors_lead_somewhere() -> None:
    heads = {
        re.sub(r"[^a-z0-9 -]", "", head.lower()).replace(" ", "-")
        for head in re.findall(r"^##+ (.*)", TEXT, re.MULTILINE)
    }
    for page in (ROOT / "docs").glob("*.md"):
        text = page.read_text()
        asked = re.findall(r"\(devices\.md#([\w-]+)\)", text)
        asked += re.findall(r"\(#([\w-]+)\)", text) if page == DEVICES else []
        assert set(asked) <= heads, page.name
