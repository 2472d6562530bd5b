"""How the devices do, as the collector says: a part of `labmon status`."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta

import typer

from labmon_dagster.collector.health import DeviceHealth, Health
from labmon_dagster.formats import aligned, printable

_SHOWN_ERROR = 90
_READINGS = "_readings"  # what `Devices` calls the table of readings, unless the YAML names it
_WELL = ("ok", "waiting")
_HEAD = (
    "asset",
    "device",
    "type",
    "state",
    "last answer",
    "errors",
    "missed",
    "clock",
    "last error",
)


def state_of(device: DeviceHealth, now: int) -> str:
    """Say in a word how a device does: ok, late, silent, or waiting for its first answer."""
    if device.errors_in_row:
        return "trouble" if device.last_answer else "silent"
    if device.last_answer is None:
        return "waiting"
    late = device.poll is not None and now - device.last_answer > 3 * device.poll + 5 * 10**9
    return "late" if late else "ok"


def devices_of(health: Health, asset: str | None = None) -> list[DeviceHealth]:
    """Give the devices whose journal feeds an asset, be it of documents or of readings (all: None)."""
    return [one for one in health.devices if asset in {None, one.asset, f"{one.asset}{_READINGS}"}]


def show_health(health: Health, asset: str | None = None) -> None:
    """Write how the devices of an asset (all: None) do, and what hinders the collector."""
    now = time.time_ns()
    typer.echo(f"collector: {_standing(health)}")
    for line in _hindrances(health):
        typer.echo(f"  {line}")
    if devices := devices_of(health, asset):
        lines = aligned([_HEAD, *(_row(one, now) for one in devices)])
        typer.echo("".join(f"  {line}\n" for line in lines))


def failures(health: Health, asset: str | None = None) -> list[str]:
    """Say what a watch over the lab is to be told of: no collector, devices that do not do well."""
    if not health.is_alive:
        return [f"collector: {_standing(health)}"]
    now = time.time_ns()
    states = [(one, state_of(one, now)) for one in devices_of(health, asset)]
    return [
        printable(f"{one.asset} {one.device}: {state}{f': {one.last_error}' if one.errors_in_row else ''}")
        for one, state in states
        if state not in _WELL
    ]


def _standing(health: Health) -> str:
    if health.stopped:
        ago = _ago(health.written)
        return (
            f"stopped {ago}; if Dagster runs, its five-minute schedule asks devices meanwhile, and no broker"
        )
    if not health.is_alive:
        return f"gone: process {health.pid} said something last {_ago(health.written)}"
    return f"process {health.pid}, running for {_since(health.started)}"


def _hindrances(health: Health) -> Iterator[str]:
    for journal in [] if health.stopped else health.journals:
        if trouble := journal.refusing or journal.warning:
            yield printable(f"journal {journal.source}: {trouble}")
    for look in health.looks:
        if look.trouble:
            yield printable(f"{look.asset}: {look.trouble}")
    for port in health.ports:
        if port.dropped:
            yield f"UDP port {port.number}: {port.dropped} datagrams dropped, {port.received} taken"


def _row(device: DeviceHealth, now: int) -> tuple[str, ...]:
    answer = "never" if device.last_answer is None else _ago(device.last_answer)
    clock = "" if device.offset is None else _difference(device.offset)
    error = printable(device.last_error)[:_SHOWN_ERROR]
    if error and not device.errors_in_row and device.last_error_at:
        error = f"{error} ({_ago(device.last_error_at)})"
    errors = str(device.errors_in_row)
    state = state_of(device, now)
    return device.asset, device.device, device.type, state, answer, errors, str(device.missed), clock, error


def _difference(offset: int) -> str:
    """Say by how much (ns) a device's clock differs from ours."""
    seconds = f"{abs(offset) / 1e9:.1f}"
    if seconds == "0.0":
        return "0.0 s"
    return f"{seconds} s {'ahead' if offset > 0 else 'behind'}"


def _ago(ns: int) -> str:
    return f"{_since(ns)} ago"


def _since(ns: int) -> str:
    seconds = max(0.0, (time.time_ns() - ns) / 1e9)
    return f"{seconds:.0f} s" if seconds < 60 else f"{timedelta(seconds=int(seconds))}"
