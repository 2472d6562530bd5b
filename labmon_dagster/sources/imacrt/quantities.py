"""What the modules can be asked for, by index, and what an MMR3 says besides in its MES1 messages."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from labmon_dagster.model.measurement import Field, FieldType

CHANNELS = (1, 2, 3)
NAME_QUERIES = ("*IDN?", "*IDN")
_WHOLE, _TEXT = FieldType.INTEGER, FieldType.TEXT


@dataclass(frozen=True, slots=True)
class Quantity:
    """A quantity with its index in GET; ``channel`` (MMR3) or loop (MGC3) it belongs to, None if to none."""

    index: int
    field: Field
    channel: int | None = None


@dataclass(frozen=True, eq=False)
class Table:
    """A type of module: how its name begins, and its quantities in the order of their indexes."""

    type: str
    prefix: str
    quantities: tuple[Quantity, ...]
    pushed: tuple[Field, ...] = ()

    @cached_property
    def fields(self) -> tuple[Field, ...]:
        """All that such a module may say."""
        return (IDENTIFICATION, *(quantity.field for quantity in self.quantities), *self.pushed)

    def units_of(self, names: Iterable[str]) -> dict[str, str]:
        """The units of those quantities that have one."""
        return {name: self._units[name] for name in names if name in self._units}

    @cached_property
    def _units(self) -> Mapping[str, str]:
        return {field.name: field.unit for field in self.fields if field.unit}

    @cached_property
    def asked(self) -> Mapping[str, Field]:
        """What each question asks for."""
        by_index = {f"{self.type}GET {quantity.index}": quantity.field for quantity in self.quantities}
        return by_index | dict.fromkeys(NAME_QUERIES, IDENTIFICATION)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The names of what it can be asked for by index."""
        return tuple(quantity.field.name for quantity in self.quantities)


IDENTIFICATION = Field("identification", _TEXT, "", "The name of the module, its answer to *IDN?")
_BOARD = Field("board_temperature", unit="", description="Temperature of the module's board; unit not known")

_BRIDGE = (
    Field("resistance", unit="ohm", description="Resistance measured, averaged"),
    Field("range", unit="", description="Range, computed"),
    Field("temperature", unit="K", description="Resistance converted by the module's own law"),
    Field("status", _WHOLE, "", "Status of the measurement"),
    Field("averaging_points", _WHOLE, "", "Points averaged in one measurement"),
    Field("range_mode", _WHOLE, "", "Mode of the range"),
    Field("current_range_mode", _WHOLE, "", "Mode of the current range: automatic or manual"),
    Field("current_range_index", _WHOLE, "", "Index of the current range"),
    Field("voltage_range_index", _WHOLE, "", "Index of the voltage range"),
    Field("excitation_current", unit="A", description="Excitation current"),
    Field("offset", unit="", description="Offset measured; unit not known"),
)
_LOOP = (
    Field("regulation_on", _WHOLE, "", "1: the loop regulates; 0: it does not"),
    Field("setpoint", unit="K", description="Setpoint"),
    Field("measured", unit="K", description="Temperature last measured"),
    Field("proportional", unit="W/K", description="Proportional term"),
    Field("integral", unit="1/s", description="Integral term"),
    Field("derivative", unit="s", description="Derivative term"),
    Field("maximum_power", unit="W", description="Largest power the loop may give"),
    Field("heater_resistance", unit="ohm", description="Resistance of the heater"),
    Field("output_power", unit="W", description="Power last given"),
    Field("status", _WHOLE, "", "Status of the loop"),
    Field("measuring_module", _TEXT, "", "Name of the module that measures for the loop"),
    Field("measuring_channel", _WHOLE, "", "Channel of the module that measures for the loop"),
)
_FRAME = (
    Field("samples", _WHOLE, "", "Samples in the frame (MES1)"),
    Field("adc_delay", unit="", description="Delay of the converter (MES1); unit not known"),
    Field("resistance_sum_of_squares", unit="ohm^2", description="Sum of the squares of R (MES1)"),
    Field("resistance_peak_to_peak", unit="ohm", description="Peak to peak of R (MES1)"),
)
_DEVICE_CLOCK = (
    Field("device_seconds", _WHOLE, "s", "The module's own time (MES1), whole seconds"),
    Field("device_milliseconds", _WHOLE, "ms", "The module's own time (MES1), the milliseconds"),
)


def numbered(field: Field, number: int, part: str = "channel") -> Field:
    """Give the field of one channel, or of another numbered part."""
    return Field(f"{field.name}_{number}", field.type, field.unit, f"{field.description}, {part} {number}")


def _blocks(first: int, fields: tuple[Field, ...], part: str) -> Iterator[Quantity]:
    for channel in CHANNELS:
        start = first + (channel - 1) * len(fields)
        for place, field in enumerate(fields):
            yield Quantity(start + place, numbered(field, channel, part), channel)


def _outputs() -> Iterator[Quantity]:
    for output in (0, 1, 2):
        current = Field(f"output_current_{output}", unit="A", description=f"Current of output CH{output}")
        status = Field(f"output_status_{output}", _WHOLE, "", f"Status of output CH{output}")
        yield Quantity(37 + 2 * output, current)
        yield Quantity(38 + 2 * output, status)


MMR3 = Table(
    "MMR3",
    "MMR",
    (
        Quantity(0, Field("modulation_period", unit="s", description="Period of the modulation")),
        Quantity(
            1, Field("adc_delay", unit="", description="Delay of the converter (DtADC); unit not known")
        ),
        Quantity(2, _BOARD),
        *_blocks(3, _BRIDGE, "channel"),
    ),
    (*_DEVICE_CLOCK, *(numbered(field, channel) for channel in CHANNELS for field in _FRAME)),
)
MGC3 = Table(
    "MGC3",
    "MGC",
    (
        Quantity(0, _BOARD),
        *_blocks(1, _LOOP, "loop"),
        *_outputs(),
        Quantity(43, Field("user_voltage", unit="V", description="Voltage of the user's output")),
        Quantity(44, Field("ttl_output_1", _WHOLE, "", "State of TTL output 1")),
        Quantity(45, Field("ttl_output_2", _WHOLE, "", "State of TTL output 2")),
    ),
)
TABLES: Mapping[str, Table] = {table.type: table for table in (MMR3, MGC3)}
