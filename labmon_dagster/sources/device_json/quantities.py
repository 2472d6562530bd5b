"""What devices give as JSON by default: quantities, and the names the devices have for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from labmon_dagster.model.measurement import Field, FieldType


@dataclass(frozen=True, slots=True)
class Defaults:
    """The quantities of a type, and their names for them where these are not ours."""

    fields: tuple[Field, ...]
    names: Mapping[str, str] = field(default_factory=dict)


_TEMPERATURES = {
    "MIXING CHAMB_Conv": ("mixing_chamber_temperature", "temperature of the mixing chamber"),
    "COLD PLATE_Conv": ("cold_plate_temperature", "temperature of the cold plate"),
    "STILL_Conv": ("still_temperature", "temperature of the still"),
    "4K STAGE_Conv": ("stage_4_k_temperature", "temperature of the second stage of the pulse tube"),
    "50K STAGE_Conv": ("stage_50_k_temperature", "temperature of the first stage of the pulse tube"),
}
_PRESSURES = {
    "P1": ("p1", "pressure at the injection"),
    "P2": ("p2", "pressure at the still's outlet"),
    "P3": ("p3", "pressure behind the pump"),
    "P4": ("p4", "pressure of the mixture's tank"),
    "OVC": ("insulation_vacuum", "pressure of the insulation vacuum"),
}
_OTHER_NAMES = {
    "STILL POWER": "still_power",
    "FLOW": "flow",
    "PULSE TUBE": "pulse_tube",
    "TURBO": "turbo_pump",
    "STATE": "state",
    "ALARM": "alarm",
}
CRYO = Defaults(
    (
        *(Field(ours, FieldType.FLOAT, "K", told) for ours, told in _TEMPERATURES.values()),
        *(Field(ours, FieldType.FLOAT, "mbar", told) for ours, told in _PRESSURES.values()),
        Field("still_power", FieldType.FLOAT, "W", "heating of the still"),
        Field("flow", FieldType.FLOAT, "mol/s", "flow of the mixture"),
        Field("pulse_tube", FieldType.BOOLEAN, "", "whether the pulse tube runs"),
        Field("turbo_pump", FieldType.BOOLEAN, "", "whether the turbo pump runs"),
        Field("state", FieldType.TEXT, "", "what the cryostat does"),
        Field("alarm", FieldType.TEXT, "", "alarm, none without one"),
    ),
    {theirs: ours for theirs, (ours, _) in (_TEMPERATURES | _PRESSURES).items()} | _OTHER_NAMES,
)
_READINGS = {
    "coolant_in_temperature": "temperature of the cooling water at the inlet",
    "coolant_out_temperature": "temperature of the cooling water at the outlet",
    "oil_temperature": "temperature of the oil",
    "helium_temperature": "temperature of the helium",
    "low_pressure": "pressure at the low side",
    "low_pressure_average": "pressure at the low side, averaged by the compressor",
    "high_pressure": "pressure at the high side",
    "high_pressure_average": "pressure at the high side, averaged by the compressor",
    "pressure_difference_average": "high side less low side, averaged by the compressor",
}
CMCPA = Defaults(
    (
        *(
            Field(name, description=f"{told}, in the unit it is said with")
            for name, told in _READINGS.items()
        ),
        Field("motor_current", FieldType.FLOAT, "A", "current of the motor"),
        Field("operating_hours", FieldType.FLOAT, "h", "hours of operation"),
        Field("operating_state", FieldType.TEXT, "", "operating state"),
        Field("compressor_running", FieldType.BOOLEAN, "", "whether the compressor runs"),
        Field("warnings", FieldType.TEXT, "", "names of the warnings, joined by '; '; '' for none"),
        Field("alarms", FieldType.TEXT, "", "names of the alarms, joined by '; '; '' for none"),
        Field("model", FieldType.TEXT, "", "model, such as CPA1114"),
        Field("software_revision", FieldType.TEXT, "", "revision of the panel's software"),
    ),
    {"delta_pressure_average": "pressure_difference_average", "hours_of_operation": "operating_hours"},
)
SCALE = Defaults(
    (
        Field("mass", FieldType.FLOAT, "kg", "mass that is shown"),
        Field("tare", FieldType.FLOAT, "kg", "mass that was taken away"),
        Field("stable", FieldType.BOOLEAN, "", "whether the mass stands still"),
        Field("overload", FieldType.BOOLEAN, "", "whether there is more on the scale than it can weigh"),
    )
)
DEFAULTS = {"JSON-CRYO": CRYO, "JSON-CMCPA": CMCPA, "JSON-SCALE": SCALE}
