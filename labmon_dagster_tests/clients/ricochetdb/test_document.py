"""What docs/ricochetdb.md says of devices is so."""

from __future__ import annotations

import json
import re
from pathlib import Path

import labmon_dagster.clients.ricochetdb as client
from labmon_dagster.clients.ricochetdb import DataFetcher
from labmon_dagster.clients.ricochetdb.devices import DEVICES
from labmon_dagster.clients.ricochetdb.fetcher import CATEGORIES
from labmon_dagster_tests.docs.test_commands import ROOT, blocks

DOCUMENT = ROOT / "docs" / "ricochetdb.md"
_ROW = re.compile(r"^\| ((?:`\w+`(?:, )?)+) \| ((?:`[\w-]+`(?:, )?)+) \| [^|]+ \| `(\w+)` \|$", re.MULTILINE)


def _ticked(cell: str) -> list[str]:
    return re.findall(r"`([\w-]+)`", cell)


def test_the_table_of_devices_has_each_with_its_type_and_category() -> None:
    told = {
        kind: (name, category)
        for names, kinds, category in _ROW.findall(DOCUMENT.read_text())
        for name, kind in zip(_ticked(names), _ticked(kinds), strict=True)
    }
    assert told == {kind: (one.__name__, CATEGORIES[kind]) for kind, one in DEVICES.items()}


def test_every_name_is_in_the_document() -> None:
    text = DOCUMENT.read_text()
    managers = {name for name in client.__all__ if name.endswith("Manager")} - {"RecordManager"}
    assert [name for name in client.__all__ if f"`{name}" not in text and name not in managers] == []


def test_the_example_of_a_mapping_file_is_one(tmp_path: Path) -> None:
    (text,) = (one for one in blocks(DOCUMENT, "json") if '"types"' in one)
    path = tmp_path / "mapping.json"
    path.write_text(text)
    told = json.loads(text)
    fetcher = DataFetcher(str(path))
    for address in told["devices"]:
        fetcher.add_datasource("CRYO", address)
