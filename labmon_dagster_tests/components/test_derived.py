"""What the YAML of assets out of records and readings may say."""

from __future__ import annotations

from typing import Any

import dagster as dg
import pytest
from pydantic import ValidationError

from labmon_dagster.components import RunPages, StreamTemperature
from labmon_dagster.components.derived import DerivedComponent
from labmon_dagster.components.lab import check_readings, load_derived, load_feeds
from labmon_dagster.definitions import defs
from labmon_dagster.records.temperature import Thermometer

GIVEN: dict[str, Any] = {
    "asset": "ricochet/temperatures",
    "start": "2026-01-01",
    "readings": "ricochet/imacrt_readings",
    "measurement": "imacrt",
    "field": "temperature_3",
}


def test_the_lab_of_the_project_reads_the_plate_at_4_kelvin() -> None:
    feeds = load_feeds()
    pages, temperature = load_derived(feeds)
    assert (pages.asset, temperature.asset) == ("ricochet/runs", "ricochet/stream_temperature")
    wanted = Thermometer("ricochet/imacrt_readings", "imacrt", "temperature_3", {"device": "mmr3"})
    assert pages.thermometer == temperature.thermometer == wanted
    (feed,) = [feed for feed in feeds if feed.asset == wanted.asset]
    (field,) = [field for field in feed.fields if field.name == wanted.field]
    assert field.unit == "K"


def test_the_lab_of_the_project_looks_for_them_by_itself() -> None:
    built = defs()
    assert isinstance(built, dg.Definitions)
    dg.Definitions.validate_loadable(built)
    sensor = built.resolve_sensor_def("runs_and_streams")
    assert sensor.default_status is dg.DefaultSensorStatus.RUNNING
    graph = built.resolve_asset_graph()
    for name in ("runs", "stream_temperature"):
        parents = graph.get(dg.AssetKey(["ricochet", name])).parent_keys
        assert parents == {dg.AssetKey(["ricochet", "imacrt_readings"])}


@pytest.mark.parametrize("kind", [StreamTemperature, RunPages])
@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"start": "soon"}, "is no day; write YYYY-MM-DD"),
        ({"owners": ["mylab"]}, "'mylab' is no owner"),
        ({"asset": "runs"}, "String should match pattern"),
        ({"feild": "x"}, "Extra inputs are not permitted"),
        ({"records": "My Store"}, "String should match pattern"),
        ({"field": ""}, "at least 1 character"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    kind: type[DerivedComponent], changes: dict[str, Any], said: str
) -> None:
    with pytest.raises(ValidationError) as refused:
        kind.model_validate({**GIVEN, **changes})
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"readings": "ricochet/imacrt"}, "no asset of readings 'ricochet/imacrt'; there are: ameriflux"),
        ({"measurement": "imcrt"}, "no measurement 'imcrt'; there are: imacrt"),
        ({"field": "temperature_4"}, "no field 'temperature_4'; there are: "),
        ({"tags": {"station": "x"}}, "no tag 'station'; there are: device, type"),
    ],
)
def test_readings_that_are_not_there_are_named(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=r"^ricochet/temperatures: ") as refused:
        check_readings(StreamTemperature.model_validate({**GIVEN, **changes}), load_feeds())
    assert said in str(refused.value)
