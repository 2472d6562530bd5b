"""The kinds of iMACRT modules."""

from __future__ import annotations

from functools import partial

from labmon_dagster.model.devices import Device, DeviceSettings, Heard, Kind, Said, Unasked
from labmon_dagster.model.measurement import Field
from labmon_dagster.sources.imacrt import options
from labmon_dagster.sources.imacrt.module import Module
from labmon_dagster.sources.imacrt.quantities import TABLES, Table
from labmon_dagster.sources.imacrt.understand import understand


def _connect(table: Table, settings: DeviceSettings, unasked: Unasked) -> Device:
    return Module(table, settings, unasked)


def _fields(table: Table, settings: DeviceSettings) -> tuple[Field, ...]:
    return table.fields


def _understand(table: Table, heard: Heard, settings: DeviceSettings) -> Said:
    return understand(heard, table)


def _check(table: Table, settings: DeviceSettings) -> None:
    options.check(settings, table)


KINDS: tuple[Kind, ...] = tuple(
    Kind(
        table.type,
        "udp",
        partial(_fields, table),
        partial(_connect, table),
        partial(_understand, table),
        partial(_check, table),
        pushes=True,
    )
    for table in TABLES.values()
)
