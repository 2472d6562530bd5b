from __future__ import annotations

from pathlib import Path

import pytest

from labmon_dagster.cli.migrate import read_last_times
from labmon_dagster_tests.cli.lab import labmon


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "this is no JSON"),
        ("[]", "this is no object of datapoints"),
        ('{"a:b": "yesterday"}', "a:b: 'yesterday' is no time"),
        ('{"a:b": "-6h"}', "a:b: '-6h' is no time"),
        ('{"a:b": "NaT"}', "a:b: 'NaT' is no time"),
        ('{"a:b": 5}', "a:b: 5 is no time"),
        ('{"a:b": "2025-02-30T10:00:00"}', "a:b: '2025-02-30T10:00:00' is no time"),
        (b"\xff\xfe\x00", "this is no JSON"),
    ],
)
def test_a_wrong_file_is_told(content: str | bytes, said: str, tmp_path: Path) -> None:
    file = tmp_path / "last_times.json"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    result = labmon("migrate", "cms-mtd", "--last-times", file)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith(f"labmon: {file}: {said}")
    assert result.stderr.endswith('allsensor.py writes {"datapoint": "2025-07-04T10:24:10.092000"}\n')


def test_a_file_as_the_original_reads_it(tmp_path: Path) -> None:
    file = tmp_path / "last_times.json"
    file.write_bytes(b'\xef\xbb\xbf{"x": "2025-07-04T10:24:10.092000", "y": "2025-07-04T10:24:10"}')
    assert read_last_times(file) == {"x": 1_751_624_650_092_000_000, "y": 1_751_624_650_000_000_000}
    result = labmon("migrate", "cms-mtd", "--last-times", tmp_path / "none.json")
    assert result.exit_code == 1 and "none.json: there is no such file" in result.stderr
