"""What the pages of devices may show: the quantities each type has by default."""

from __future__ import annotations

from collections.abc import Callable

from labmon_dagster.model.devices import DeviceSettings
from labmon_dagster.model.measurement import Field, FieldType
from labmon_dagster.sources.wire.declared import Declared

FLOAT, INTEGER, TEXT, BOOLEAN = FieldType.FLOAT, FieldType.INTEGER, FieldType.TEXT, FieldType.BOOLEAN

_BRIDGE = (
    ("resistance", FLOAT, "ohm", "resistance measured"),
    ("range", FLOAT, "", "range that the bridge chose"),
    ("temperature", FLOAT, "K", "resistance converted by the calibration"),
    ("status", INTEGER, "", "status of the measurement"),
    ("averaging_points", INTEGER, "", "points averaged in one measurement"),
    ("excitation_current", FLOAT, "A", "excitation current"),
)
_LOOP = (
    ("regulation_on", INTEGER, "", "1: it regulates; 0: it does not"),
    ("setpoint", FLOAT, "K", "temperature it is set to"),
    ("measured", FLOAT, "K", "temperature measured last"),
    ("proportional", FLOAT, "W/K", "P of the loop"),
    ("integral", FLOAT, "1/s", "I of the loop"),
    ("derivative", FLOAT, "s", "D of the loop"),
    ("maximum_power", FLOAT, "W", "largest power it may give"),
    ("heater_resistance", FLOAT, "ohm", "resistance of the heater"),
    ("output_power", FLOAT, "W", "power given last"),
    ("status", INTEGER, "", "status of the loop"),
    ("measuring_module", TEXT, "", "module that measures for the loop"),
    ("measuring_channel", INTEGER, "", "channel of that module"),
)
_COLD = (
    ("still_temperature", "temperature of the still"),
    ("cold_plate_temperature", "temperature of the cold plate"),
    ("mixing_chamber_temperature", "temperature of the mixing chamber"),
    ("stage_50_k_temperature", "temperature of the first stage of the pulse tube"),
    ("stage_4_k_temperature", "temperature of the second stage of the pulse tube"),
)
_PRESSURES = (
    ("p1", "pressure at the injection"),
    ("p2", "pressure at the still's outlet"),
    ("p3", "pressure behind the pump"),
    ("p4", "pressure of the mixture's tank"),
    ("insulation_vacuum", "pressure of the insulation vacuum"),
)


def _each(rows: tuple[tuple[str, FieldType, str, str], ...], what: str) -> tuple[Field, ...]:
    return tuple(
        Field(f"{name}_{number}", kind, unit, f"{told}, {what} {number}")
        for number in (1, 2, 3)
        for name, kind, unit, told in rows
    )


_BOARD = Field("board_temperature", FLOAT, "", "temperature of the module's board")
MMR3 = (_BOARD, *_each(_BRIDGE, "channel"))
MGC3 = (_BOARD, *_each(_LOOP, "loop"))
CRYO = (
    *(Field(name, FLOAT, "K", told) for name, told in _COLD),
    *(Field(name, FLOAT, "mbar", told) for name, told in _PRESSURES),
    Field("still_power", FLOAT, "W", "heating of the still"),
    Field("flow", FLOAT, "mol/s", "flow of the mixture"),
    Field("pulse_tube", BOOLEAN, "", "whether the pulse tube runs"),
    Field("turbo_pump", BOOLEAN, "", "whether the turbo pump runs"),
    Field("state", TEXT, "", "what the cryostat does"),
    Field("alarm", TEXT, "", "alarm, none without one"),
)
DEFAULTS = {"MMR3": MMR3, "MGC3": MGC3, "CRYO": CRYO}


def quantities(defaults: tuple[Field, ...]) -> Callable[[DeviceSettings], tuple[Field, ...]]:
    """Give what a device of these defaults may show, with what its options declare."""
    return lambda settings: Declared.of(settings, defaults).quantities
