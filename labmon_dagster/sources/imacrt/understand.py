"""What a module said, as values."""

from __future__ import annotations

from labmon_dagster.model.devices import Heard, Said, Value
from labmon_dagster.model.measurement import Field
from labmon_dagster.sources.imacrt.pushes import understand_push
from labmon_dagster.sources.imacrt.quantities import IDENTIFICATION, Table
from labmon_dagster.sources.imacrt.text import value_of
from labmon_dagster.sources.wire import exchange
from labmon_dagster.sources.wire.peer import UNASKED


def understand(heard: Heard, table: Table) -> Said:
    """Understand a poll (form ``exchange``) or a message of its own (form ``unasked``) of a module.

    An answer that is no value of its quantity is missing, with the reason. Raises ValueError for a record
    that is no poll of such a module, and for a message that is none.
    """
    if heard.form == UNASKED:
        return understand_push(heard.payload, table)
    if heard.form != exchange.FORM:
        raise ValueError(f"form {heard.form!r}; expected {exchange.FORM!r} or {UNASKED!r}")
    return _of_poll(exchange.parse(heard.payload), table)


def _of_poll(answers: list[exchange.Exchange], table: Table) -> Said:
    values: dict[str, Value] = {}
    missing: dict[str, str] = {}
    for one in answers:
        field = table.asked.get(one.asked)
        if field is None:
            raise ValueError(f"{one.asked!r} is no question to a {table.type}")
        if field.name in values or field.name in missing:
            raise ValueError(f"{one.asked!r} was asked more than once in one poll")
        try:
            values[field.name] = _value(one, field, table)
        except ValueError as error:
            missing[field.name] = str(error)
    return Said(values, table.units_of(values), missing)


def _value(one: exchange.Exchange, field: Field, table: Table) -> Value:
    answer = one.answer
    if answer is None:
        raise ValueError(one.error or "no answer")
    value = value_of(answer, field.type)
    if field is IDENTIFICATION and not str(value).startswith(table.prefix):
        raise ValueError(f"{value!r} is no name of a {table.type}, which begins with {table.prefix}")
    return value
