from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from labmon_dagster.clients.ricochetdb import DataFetcher


def _written(folder: Path, told: object) -> str:
    path = folder / "names.json"
    path.write_text(told if isinstance(told, str) else json.dumps(told))
    return str(path)


def _names(fetcher: DataFetcher) -> list[dict[str, str]]:
    return [dict(device.settings.options.get("names", {})) for device in fetcher._devices]


def test_the_default_file_may_be_absent_and_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    DataFetcher()
    with pytest.raises(RuntimeError, match=r"^mapping\.json: No such file"):
        DataFetcher("mapping.json")
    (tmp_path / "mapping.json").write_text("no JSON")
    with pytest.raises(RuntimeError, match=r"^\./mapping\.json: Expecting value"):
        DataFetcher()


def test_names_of_a_device_go_before_those_of_its_type(tmp_path: Path) -> None:
    told = {
        "types": {"CRYO": {"OVC": "outer_vacuum", "P1": "inlet"}},
        "devices": {"10.0.0.2": {"P1": "injection"}, "10.0.0.3:81": {"mass": "nitrogen"}},
    }
    fetcher = DataFetcher(_written(tmp_path, told))
    fetcher.add_datasource("CRYO", "10.0.0.1")
    fetcher.add_datasource("CRYO", "10.0.0.2")
    fetcher.add_datasource("JSON-SCALE", "10.0.0.3:81", "/json")
    fetcher.add_datasource("MMR3", "10.0.0.4", "udp")
    assert _names(fetcher) == [
        {"OVC": "outer_vacuum", "P1": "inlet"},
        {"OVC": "outer_vacuum", "P1": "injection"},
        {"mass": "nitrogen"},
        {},
    ]


@pytest.mark.parametrize(
    ("told", "wrong"),
    [
        ([], "an object with types and devices was expected"),
        ({"CRYO": {}}, "an object with types and devices was expected"),
        ({"types": []}, r"types is \[\]; an object was expected"),
        ({"types": {"CRYO": {"P1": 1}}}, "types: CRYO: names of theirs"),
        ({"types": {"CMCPA": {"P1": "p"}}}, "types: 'CMCPA' has no names to be mapped; allowed: CRYO"),
        ({"types": {"CRYO": {"P1": "No Name"}}}, "types: CRYO: .*'No Name' is no name of a quantity"),
        ({"types": {"CRYO": {"P1": "p", "P2": "p"}}}, "more than one name of theirs becomes p"),
        ('{"types": {}, "types": {}}', "the key 'types' stands there twice"),
    ],
)
def test_a_file_that_makes_no_sense_is_told_with_its_place(tmp_path: Path, told: Any, wrong: str) -> None:
    file = _written(tmp_path, told)
    with pytest.raises(RuntimeError, match=wrong) as caught:
        DataFetcher(file)
    assert str(caught.value).startswith(file)


def test_names_of_a_device_that_has_none_are_told(tmp_path: Path) -> None:
    fetcher = DataFetcher(_written(tmp_path, {"devices": {"10.0.0.4": {"P1": "p"}}}))
    with pytest.raises(RuntimeError, match=r"devices: 10\.0\.0\.4: only names on a page or in JSON"):
        fetcher.add_datasource("MMR3", "10.0.0.4", "udp")


def test_a_bad_name_of_a_device_is_told_when_it_is_added(tmp_path: Path) -> None:
    fetcher = DataFetcher(_written(tmp_path, {"devices": {"10.0.0.4": {"P1": "No Name"}}}))
    with pytest.raises(RuntimeError, match="'No Name' is no name of a quantity"):
        fetcher.add_datasource("CRYO", "10.0.0.4")
    assert _names(fetcher) == []
