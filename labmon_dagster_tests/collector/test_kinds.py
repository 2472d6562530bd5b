from __future__ import annotations

import pytest

from labmon_dagster.collector.kinds import kind_of
from labmon_dagster.model.devices import Address, DeviceSettings


@pytest.mark.parametrize(
    ("kind", "address", "said"),
    [
        ("MMR3", "tcp://host", "an MMR3 is asked by http://, https:// or udp://, not tcp://"),
        ("CMCPA", "udp://host", "a CMCPA is asked by tcp://, not udp://"),
        ("JSON-SCALE", "udp://host", "a JSON-SCALE is asked by http:// or https://, not udp://"),
        ("mmr3", "udp://host", "type 'mmr3': no such device; did you mean MMR3"),
        ("Json-Cryo", "http://host", "did you mean JSON-CRYO"),
        ("VAX", "udp://host", "type 'VAX': no such device; allowed: CMCPA"),
    ],
)
def test_what_is_said_of_kinds_that_are_not(kind: str, address: str, said: str) -> None:
    with pytest.raises(ValueError, match=said.replace("?", r"\?")):
        kind_of(DeviceSettings("it", kind, Address.parse(address)))
