"""What a supply may say, by the query that it answers."""

from __future__ import annotations

from labmon_dagster.model.devices import DeviceSettings
from labmon_dagster.model.measurement import Field, FieldType
from labmon_dagster.sources.aim_tti.queries import (
    CONFIGURATION,
    LIMIT_STATUS,
    NAME,
    QUERIES,
    options_of,
    queries,
)

LIMITS = (
    ("constant_voltage", "constant voltage"),
    ("constant_current", "constant current"),
    ("over_voltage_trip", "over voltage trip"),
    ("over_current_trip", "over current trip"),
    ("power_limit", "power limit"),
)
"""The bits of LSR, from bit 0 on."""

_FLOAT, _INTEGER, _BOOLEAN, _TEXT = (
    FieldType.FLOAT,
    FieldType.INTEGER,
    FieldType.BOOLEAN,
    FieldType.TEXT,
)
_OF_OUTPUT = {
    "V{n}?": (("set_voltage", _FLOAT, "V", "voltage it is set to"),),
    "OP{n}?": (("on", _BOOLEAN, "", "whether the output is on"),),
    "I{n}?": (("current_limit", _FLOAT, "A", "current it is limited to"),),
    "V{n}O?": (("voltage", _FLOAT, "V", "voltage read back; may be slightly negative"),),
    "OVP{n}?": (("over_voltage_protection", _FLOAT, "V", "voltage at which it trips"),),
    "I{n}O?": (("current", _FLOAT, "A", "current read back; may be slightly negative"),),
    "OCP{n}?": (("over_current_protection", _FLOAT, "A", "current at which it trips"),),
    LIMIT_STATUS: (
        ("limit_status", _INTEGER, "", "limit event status register"),
        ("limits", _TEXT, "", "names of its bits that are set, joined by '; '; '' for none"),
        *((name, _BOOLEAN, "", f"limit event: {told}") for name, told in LIMITS),
    ),
}
_OF_SUPPLY = {
    NAME: (
        Field("maker", _TEXT, "", "maker"),
        Field("model", _TEXT, "", "model"),
        Field("serial_number", _TEXT, "", "serial number"),
        Field("firmware", _TEXT, "", "revision of the firmware"),
    ),
    CONFIGURATION: (Field("configuration", _INTEGER, "", "how the outputs work together, as a number"),),
}


def fields_of(query: str) -> tuple[Field, ...]:
    """List what the answer to a query tells."""
    asked = QUERIES[query]
    if not asked.output:
        return _OF_SUPPLY[asked.stem]
    told = _OF_OUTPUT[asked.stem]
    prefix = f"output_{asked.output}_"
    return tuple(
        Field(prefix + name, kind, unit, f"output {asked.output}: {meaning}")
        for name, kind, unit, meaning in told
    )


def quantities(settings: DeviceSettings) -> tuple[Field, ...]:
    """List what a supply may say. Raises ValueError for options that make no sense."""
    return tuple(field for query in queries(options_of(settings)) for field in fields_of(query))
