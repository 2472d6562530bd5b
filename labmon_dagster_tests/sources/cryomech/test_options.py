"""What a compressor's YAML may say."""

from __future__ import annotations

import pytest

from labmon_dagster.model.devices import Address, DeviceSettings
from labmon_dagster.sources.cryomech.kinds import KINDS
from labmon_dagster.sources.cryomech.options import options_of

(KIND,) = KINDS


@pytest.mark.parametrize("text", ["tcp://host/x", "tcp://host/x?y", "tcp://host?y"])
def test_an_address_with_a_path(text: str):
    with pytest.raises(ValueError, match="a compressor has no path"):
        KIND.check(DeviceSettings("pulse_tube", "CMCPA", Address.parse(text)))


def test_numbers_may_come_as_text():
    given = DeviceSettings("pulse_tube", "CMCPA", Address("tcp", "host"), 1.0, {"unit": "16", "firmware": 3})
    KIND.check(given)
    assert (options_of(given).unit, options_of(given).count) == (16, 55)
