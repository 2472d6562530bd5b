"""Single questions to iMACRT modules."""

from __future__ import annotations

import socket
from functools import partial

from labmon_dagster.clients.ricochetdb.asking import heard_aside
from labmon_dagster.clients.ricochetdb.collector import collector_of
from labmon_dagster.clients.ricochetdb.collector_port import port_of
from labmon_dagster.clients.ricochetdb.loop import turn, wait_for
from labmon_dagster.clients.ricochetdb.refusing import query_only
from labmon_dagster.model.devices import Address, DeviceError, DeviceSettings
from labmon_dagster.sources.imacrt.module import is_name
from labmon_dagster.sources.imacrt.options import LOCAL_PORT, device_port
from labmon_dagster.sources.imacrt.pushes import is_push
from labmon_dagster.sources.imacrt.quantities import NAME_QUERIES
from labmon_dagster.sources.imacrt.queries import checked_query
from labmon_dagster.sources.imacrt.text import plain
from labmon_dagster.sources.wire import exchange
from labmon_dagster.sources.wire.place import Place, PortOf
from labmon_dagster.sources.wire.round import Manner, Marker
from labmon_dagster.sources.wire.udp import shared


def query_imacrt_udp(ip: str, message: str) -> str:
    """Ask a module one question, such as ``MMR3GET 5`` or ``*IDN?``, and give its answer as text.

    ``ip``: host, or ``host:port``; the port is 12000 + the last octet otherwise. The module says its name
    before and behind, so that no late answer is taken for this one. Raises RuntimeError for what is no query,
    and if there is no answer.
    """
    query = query_only(checked_query, message)
    try:
        settings = DeviceSettings(ip, "iMACRT", Address.parse(f"udp://{ip}"))
        return wait_for(_answer(settings, query))
    except (DeviceError, ValueError) as error:
        raise RuntimeError(f"{query} to {ip}: {error}") from error


def send_udp_message(ip: str, port: int, message: str | bytes) -> None:
    """Send a query to a module; its answer goes to port 12000 of this machine.

    A running `UdpImacrtCollector` sends it, if there is one with that port. Raises RuntimeError for what is
    no query, and if the network does not take it.
    """
    query = query_only(checked_query, message).encode()
    collector = collector_of(None, LOCAL_PORT)
    try:
        if collector is not None:
            collector.send(query, (ip, port))
            return
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sending:
            sending.sendto(query, (ip, port))
    except (OSError, OverflowError) as error:
        raise RuntimeError(f"{message!r} to {ip}:{port} cannot be sent: {error}") from error


async def _answer(settings: DeviceSettings, query: str) -> str:
    queries = [] if query in NAME_QUERIES else [query]
    marker = Marker(query if query in NAME_QUERIES else NAME_QUERIES[0], is_name("M"), "an iMACRT module")
    async with turn(str(settings.address)):
        place = _place(settings)
        try:
            heard = await place.ask(marker, Manner(timeout=settings.timeout), queries)
        finally:
            place.leave()
    last = exchange.parse(heard.payload)[-1]
    if heard.trouble or last.answer is None:
        raise DeviceError(heard.trouble or last.error or "no answer")
    return plain(last.answer)


def _place(settings: DeviceSettings) -> Place:
    local_port = 0 if settings.address.port and settings.address.is_here else LOCAL_PORT
    collector = collector_of(None, LOCAL_PORT)
    port: PortOf = shared if collector is None else lambda number: port_of(collector)
    unasked = partial(heard_aside, settings.name)
    return Place(settings, unasked, partial(device_port, settings), local_port, is_push, port)
