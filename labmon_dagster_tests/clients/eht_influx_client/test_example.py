"""The programs of the client's own page run as they stand there, but for their import."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from labmon_dagster.clients import eht_influx_client
from labmon_dagster_tests.servers.influx import Influxd

USAGE = """
    import pandas as pd
    from labmon_dagster.clients.eht_influx_client import EHTInfluxDBClient

    df = pd.DataFrame([{'station': 'Kp', 'pps_offset': -3, 'timestamp': 1617672549204824064}])

    client = EHTInfluxDBClient.from_config_file('influx_config.ini')
    write_api = client.write_api()
    write_api.write(record=df,
                    data_frame_measurement_name='pps_offset',
                    data_frame_tag_columns=['station'],
    )
    write_api.close()
    client.close()
"""
_HEAVY = ("polars", "pandas", "pyarrow", "influxdb_client", "pydantic", "dagster")


def test_the_example_brings_its_point_to_the_server(
    config: Path, bucket: str, influxd: Influxd, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(config.parent)
    exec(re.sub(r"(?m)^    ", "", USAGE), {})
    (row,) = influxd.query("SELECT * FROM pps_offset", db=bucket)
    told = {name: value for name, value in row.items() if not name.startswith("_")}
    assert told == {"time": 1617672549204824064, "pps_offset": -3, "station": "Kp"}


def test_the_example_runs_as_a_program_of_its_own(config: Path, bucket: str, influxd: Influxd) -> None:
    script = re.sub(r"(?m)^    ", "", USAGE)
    done = subprocess.run(
        [sys.executable, "-W", "error::DeprecationWarning", "-c", script],
        cwd=config.parent,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert (done.stdout, done.stderr) == ("", "")
    assert len(influxd.query("SELECT * FROM pps_offset", db=bucket)) == 1


def test_the_import_loads_nothing_that_is_heavy() -> None:
    code = (
        "import sys; from labmon_dagster.clients.eht_influx_client import EHTInfluxDBClient;"
        f"print([name for name in {_HEAVY} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_name_is_there() -> None:
    for name in eht_influx_client.__all__:
        assert getattr(eht_influx_client, name) is not None
    with pytest.raises(AttributeError, match="nothing_of_this_name"):
        _ = eht_influx_client.nothing_of_this_name
