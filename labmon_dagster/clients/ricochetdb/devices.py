"""The devices of the lab, each asked once by `Device.get_data`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, MutableMapping, MutableSequence
from typing import TYPE_CHECKING, Any, ClassVar

from labmon_dagster.clients.ricochetdb.loop import wait_for
from labmon_dagster.clients.ricochetdb.refusing import query_only
from labmon_dagster.model.devices import DeviceError

if TYPE_CHECKING:
    from labmon_dagster.clients.ricochetdb.collector import Datagram
    from labmon_dagster.model.devices import DeviceSettings

_NO_BUFFER: list[Datagram] = []


class Device(ABC):
    """Abstract class managing datasource devices (MMR3, MGC3, Crystat, …).

    ``ip_addr``: host, or ``host:port``. ``prot``: ``udp``, ``tcp``, ``http``, ``https``, or the path of a
    page, which is got by HTTP; a path means nothing to a device that has no page. ``cat``: the category by
    which `DataFetcher.fetch` chooses. ``names``: names on a page, or in JSON, to those in the record.
    ``timeout``: s for one answer.
    """

    type: ClassVar[str] = ""
    timeout: float = 1.0

    def __init__(self, ip_addr: str, prot: str, cat: str) -> None:
        self.ip_addr = ip_addr
        self.prot = prot
        self.cat = cat
        self.names: Mapping[str, str] = {}

    @property
    def settings(self) -> DeviceSettings:
        """How it is asked. Raises RuntimeError where that makes no sense."""
        from labmon_dagster.clients.ricochetdb.asking import settings_of

        return settings_of(self.type, self.ip_addr, self.prot, self.names, self.timeout)

    @abstractmethod
    def get_data(
        self, results: MutableSequence[dict[str, Any]], udp_buffer: MutableSequence[Datagram] = _NO_BUFFER
    ) -> None:
        """Query the device and store the data in the results list."""


def _get_data(
    self: Device, results: MutableSequence[dict[str, Any]], udp_buffer: MutableSequence[Datagram] = _NO_BUFFER
) -> None:
    """Query the device and store the data in the results list, as one dict.

    Its keys: timestamp (UTC, of receipt), device (``ip_addr``), type, address, values, units, and missing:
    quantities that could not be had, with the reason; of a silent device these are all. ``udp_buffer``: the
    list of a running `UdpImacrtCollector`; no other is used. Raises RuntimeError for a device that cannot be.
    """
    from labmon_dagster.clients.ricochetdb.asking import ask

    results.append(wait_for(ask(self.settings, udp_buffer)).record())


class MMR3Device(Device):
    """Thermometer bridge iMACRT MMR3, over UDP or by its page."""

    type = "MMR3"
    get_data = _get_data


class MGC3Device(Device):
    """Heater controller iMACRT MGC3, over UDP or by its page."""

    type = "MGC3"
    get_data = _get_data


class CryoConceptDevice(Device):
    """Cryostat by CryoConcept, by its page."""

    type = "CRYO"
    get_data = _get_data


class JSONCryoConceptDevice(Device):
    """Cryostat that gives JSON over HTTP."""

    type = "JSON-CRYO"
    get_data = _get_data


class CMCPADevice(Device):
    """Compressor by Cryomech of the series CPA, over Modbus/TCP."""

    type = "CMCPA"
    get_data = _get_data

    def breakdownReplyData(  # noqa: N802 - programs know it by this name
        self, rawdata: bytes | bytearray, data: MutableMapping[str, float | int]
    ) -> MutableMapping[str, float | int]:
        """Take in raw ptc data, and return a dictionary.

        ``rawdata``: a whole reply. ``data`` is filled and returned: labels, and values in floats or ints;
        texts such as units are in `get_data` only. Raises RuntimeError for what is no reply; ``data`` is then
        as it was.
        """
        from labmon_dagster.sources.cryomech.understand import breakdown

        try:
            values = breakdown(bytes(rawdata)).values
        except ValueError as error:
            raise RuntimeError(f"no reply of a compressor: {error}") from error
        data.update({name: value for name, value in values.items() if not isinstance(value, bool | str)})
        return data

    @staticmethod
    def buildRegistersQuery() -> bytes:  # noqa: N802 - programs know it by this name
        """Give the query for all registers, as it goes over the wire."""
        from labmon_dagster.sources.cryomech.frames import registers_query

        return registers_query()


class JSONCMCPADevice(Device):
    """Compressor whose values are given as JSON over HTTP."""

    type = "JSON-CMCPA"
    get_data = _get_data


class JSONScaleDevice(Device):
    """Scale whose values are given as JSON over HTTP."""

    type = "JSON-SCALE"
    get_data = _get_data


class CPX200Device(Device):
    """Power supply Aim-TTi CPX200DP, over TCP. It serves one client at a time."""

    type = "CPX200"
    get_data = _get_data

    @staticmethod
    async def cpx200dp_cmd(device_ip_address: str, device_port: int | str, cmd: str) -> str:
        """Send a query, and give the answer without its line end.

        Raises RuntimeError for a command that is no query, before anything is sent, and if there is no answer
        that fits.
        """
        from labmon_dagster.sources.aim_tti.queries import checked_query
        from labmon_dagster.sources.aim_tti.understand import answer_to
        from labmon_dagster.sources.wire.lines import LineError, connected

        query = query_only(checked_query, cmd.strip())
        try:
            lines = await connected(device_ip_address, int(device_port), CPX200Device.timeout)
            try:
                answer = await lines.ask(query.encode() + b"\n", CPX200Device.timeout)
            finally:
                lines.close()
            answer_to(query, answer)
        except (DeviceError, LineError, ValueError) as error:
            raise RuntimeError(f"{query} to {device_ip_address}:{device_port}: {error}") from error
        return answer.decode("ascii").strip()


class MP710508Device(Device):
    """Power supply Multicomp MP710508, over UDP."""

    type = "MP710508"
    get_data = _get_data


DEVICES: Mapping[str, type[Device]] = {
    one.type: one
    for one in (
        *(CMCPADevice, MMR3Device, MGC3Device, CryoConceptDevice, JSONCryoConceptDevice),
        *(JSONCMCPADevice, JSONScaleDevice, CPX200Device, MP710508Device),
    )
}
"""The devices by their types."""
