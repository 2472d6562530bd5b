"""The kinds of Cryomech compressors."""

from __future__ import annotations

from labmon_dagster.model.devices import Kind
from labmon_dagster.sources.cryomech.asking import Compressor
from labmon_dagster.sources.cryomech.options import check
from labmon_dagster.sources.cryomech.quantities import quantities
from labmon_dagster.sources.cryomech.understand import understand

KINDS: tuple[Kind, ...] = (
    Kind(
        type="CMCPA",
        scheme="tcp",
        quantities=quantities,
        connect=Compressor,
        understand=understand,
        check=check,
    ),
)
