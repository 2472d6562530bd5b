"""What numbers in a compressor's registers mean. Source: the maker's sample programs."""

from __future__ import annotations

STATES = {
    0: "idling",
    2: "starting",
    3: "running",
    5: "stopping",
    6: "error lockout",
    7: "error",
    8: "helium cool down",
    9: "power related error",
    15: "recovered from error",
}
PRESSURE_UNITS = {0: "psi", 1: "bar", 2: "kPa"}
TEMPERATURE_UNITS = {0: "degF", 1: "degC", 2: "K"}

SERIES = {1: "08", 2: "09", 3: "10", 4: "11", 5: "28"}
_SIZES = (
    *("A1", "01", "02", "03", "H3", "I3", "04", "H4", "05", "H5", "I6", "06"),
    *("07", "H7", "I7", "08", "09", "9C", "10", "1I", "11", "12", "13", "14"),
)
SIZES = dict(enumerate(_SIZES, start=1))

BITS = (
    "coolant in temperature high",
    "coolant in temperature low",
    "coolant out temperature high",
    "coolant out temperature low",
    "oil temperature high",
    "oil temperature low",
    "helium temperature high",
    "helium temperature low",
    "low pressure high",
    "low pressure low",
    "high pressure high",
    "high pressure low",
    "pressure difference high",
    "pressure difference low",
    "motor current low",
    "three phase error",
    "power supply error",
    "static pressure high",
    "static pressure low",
    "cold head motor stall",
    "coolant in sensor",
    "coolant out sensor",
    "helium temperature sensor",
    "oil temperature sensor",
    "high pressure sensor",
    "low pressure sensor",
    "motor current sensor",
    "motor current high",
    "inverter error",
    "driver communication loss",
    "inverter communication loss",
)
"""Warnings and alarms, by the number of their bit."""


def names_of(bits: int) -> list[str]:
    """Name the bits that are set; one without a name is called by its number."""
    known = [name for number, name in enumerate(BITS) if bits >> number & 1]
    further = range(len(BITS), max(len(BITS), bits.bit_length()))
    return known + [f"bit {number}" for number in further if bits >> number & 1]


def model_of(code: int) -> str:
    """Give the name of a model, such as CPA1114 for 0x0418. Raises ValueError for an unknown code."""
    series, size = SERIES.get(code >> 8), SIZES.get(code & 0xFF)
    if series is None or size is None:
        raise ValueError(f"model code 0x{code:04x} is none of the known ones")
    return f"CPA{series}{size}"
