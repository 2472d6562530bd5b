"""What an MP710508 may say: its name, and for each channel settings, readings, mode and protection."""

from __future__ import annotations

from labmon_dagster.model.measurement import Field, FieldType

CHANNELS = (1, 2, 3, 4)
IDENTITY = "identity"
STATUS_NAMES = {
    "mode": (FieldType.TEXT, "what is regulated: CV, voltage; CC, current"),
    "output": (FieldType.BOOLEAN, "whether the output is on"),
}
NUMBERS = {
    "VSET": ("voltage_setpoint", "V", "voltage it is set to"),
    "ISET": ("current_setpoint", "A", "current it is limited to"),
    "VOUT": ("voltage", "V", "voltage at the output, measured"),
    "IOUT": ("current", "A", "current of the output, measured"),
}
LIMITS = {
    "OVPSET": ("over_voltage_limit", "V", "voltage at which over-voltage protection trips"),
    "OCPSET": ("over_current_limit", "A", "current at which over-current protection trips"),
}
SWITCHES = {
    "OVP": ("over_voltage_protection", "whether over-voltage protection is on"),
    "OCP": ("over_current_protection", "whether over-current protection is on"),
}


def fields(channels: tuple[int, ...], protection: bool) -> tuple[Field, ...]:
    """Give the fields of these channels, with the settings of protection or without."""
    found = [Field(IDENTITY, FieldType.TEXT, "", "model, version and serial number, as *IDN? gives them")]
    for channel in channels:
        found += _of_channel(channel, protection)
    return tuple(found)


def _of_channel(channel: int, protection: bool) -> list[Field]:
    where = f", channel {channel}"
    found = [Field(f"{n}_{channel}", kind, "", text + where) for n, (kind, text) in STATUS_NAMES.items()]
    numbers = NUMBERS | (LIMITS if protection else {})
    found += [Field(f"{n}_{channel}", FieldType.FLOAT, u, text + where) for n, u, text in numbers.values()]
    switches = SWITCHES if protection else {}
    found += [Field(f"{n}_{channel}", FieldType.BOOLEAN, "", text + where) for n, text in switches.values()]
    return found
