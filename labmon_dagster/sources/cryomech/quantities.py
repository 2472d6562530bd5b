"""What a compressor may say. Pressures and temperatures have the units that it tells with them."""

from __future__ import annotations

from labmon_dagster.model.devices import DeviceSettings
from labmon_dagster.model.measurement import Field, FieldType

TEMPERATURES = {
    "coolant_in_temperature": "temperature of the cooling water at the inlet",
    "coolant_out_temperature": "temperature of the cooling water at the outlet",
    "oil_temperature": "temperature of the oil",
    "helium_temperature": "temperature of the helium",
}
PRESSURES = {
    "low_pressure": "pressure at the low side",
    "low_pressure_average": "pressure at the low side, averaged by the compressor",
    "high_pressure": "pressure at the high side",
    "high_pressure_average": "pressure at the high side, averaged by the compressor",
    "pressure_difference_average": "high side less low side, averaged by the compressor",
}
MOTOR_CURRENT = "motor_current"
OPERATING_HOURS = "operating_hours"

_OTHERS = (
    Field("operating_state", FieldType.TEXT, "", "operating state"),
    Field("operating_state_code", FieldType.INTEGER, "", "operating state as a number"),
    Field("running", FieldType.TEXT, "", "on or off"),
    Field("running_code", FieldType.INTEGER, "", "0 off, more than 0 on"),
    Field("warnings", FieldType.TEXT, "", "names of the warnings, joined by '; '; '' for none"),
    Field("warning_bits", FieldType.INTEGER, "", "warnings as a sum of bits"),
    Field("alarms", FieldType.TEXT, "", "names of the alarms, joined by '; '; '' for none"),
    Field("alarm_bits", FieldType.INTEGER, "", "alarms as a sum of bits"),
    Field("pressure_unit", FieldType.TEXT, "", "unit of the pressures"),
    Field("temperature_unit", FieldType.TEXT, "", "unit of the temperatures"),
    Field("panel_serial_number", FieldType.INTEGER, "", "serial number of the panel"),
    Field("model", FieldType.TEXT, "", "model, such as CPA1114"),
    Field("software_revision", FieldType.TEXT, "", "revision of the panel's software, such as 2.154"),
)
_FLOATS = (
    *(Field(name, description=told) for name, told in (TEMPERATURES | PRESSURES).items()),
    Field(MOTOR_CURRENT, unit="A", description="current of the motor"),
    Field(OPERATING_HOURS, unit="h", description="hours of operation"),
)


def quantities(settings: DeviceSettings) -> tuple[Field, ...]:
    """List what a compressor may say; it is the same for every firmware."""
    return (*_OTHERS, *_FLOATS)
