"""What a supply's YAML may say."""

from __future__ import annotations

from typing import Any

import pytest

from labmon_dagster.model.devices import Address, DeviceSettings
from labmon_dagster.sources.multicomp.kinds import KINDS
from labmon_dagster.sources.multicomp.options import Options

(KIND,) = KINDS


def _settings(options: dict[Any, Any]) -> DeviceSettings:
    return DeviceSettings("it", "MP710508", Address("udp", "192.168.44.80"), 1.0, options)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"channels": [[1]]}, "some of 1, 2, 3, 4 were expected"),
        ({"channels": [{}]}, "some of 1, 2, 3, 4 were expected"),
        ({"channels": [1.0]}, "some of 1, 2, 3, 4 were expected"),
        ({"channels": [True]}, "some of 1, 2, 3, 4 were expected"),
        ({"channels": [1, "1"]}, "some of 1, 2, 3, 4 were expected"),
        ({"channels": 1}, "some of 1, 2, 3, 4 were expected"),
        ({"channels": []}, "some of 1, 2, 3, 4 were expected"),
        ({1: 2}, "unknown option 1; known: channels"),
        ({1: 2, "x": 3}, "unknown option 1, x; known: channels"),
        ({"local_port": "12000x"}, "a port was expected"),
        ({"pause": "0.05s"}, "seconds from 0 to 60"),
    ],
)
def test_options_that_make_no_sense(options: dict[Any, Any], told: str):
    with pytest.raises(ValueError, match=told):
        KIND.check(_settings(options))


def test_numbers_may_come_as_text():
    options = Options.of(
        _settings({"channels": ["1", 2], "local_port": "12000", "pause": "0.05", "grace": "2"})
    )
    assert (options.channels, options.local_port, options.pause, options.grace) == ((1, 2), 12_000, 0.05, 2.0)
