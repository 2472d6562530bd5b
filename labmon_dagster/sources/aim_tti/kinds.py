"""The kinds of Aim-TTi supplies."""

from __future__ import annotations

from labmon_dagster.model.devices import Kind
from labmon_dagster.sources.aim_tti.asking import Supply
from labmon_dagster.sources.aim_tti.quantities import quantities
from labmon_dagster.sources.aim_tti.queries import check
from labmon_dagster.sources.aim_tti.understand import understand

KINDS: tuple[Kind, ...] = (
    Kind(
        type="CPX200",
        scheme="tcp",
        quantities=quantities,
        connect=Supply,
        understand=understand,
        check=check,
    ),
)
