"""For which state each page was last asked: kept by Dagster's database, what is newest in a sensor's cursor.

Dagster keeps the cursor with each tick of the sensor, for days: for ten thousand pages that would be
gigabytes. What a tick asked for counts once Dagster has taken it; then it is in the cursor of the next one.
"""

from collections.abc import Mapping
from typing import TypeAlias, TypeVar

import dagster as dg
import msgspec

T = TypeVar("T")
States: TypeAlias = dict[str, str]
"""Name of a page → the state for which it was asked."""


def recall(instance: dg.DagsterInstance, asset: str, newest: Mapping[str, str]) -> States:
    """Give for which states an asset's pages were asked; keeps ``newest`` (of the cursor) with them."""
    storage, key = instance.daemon_cursor_storage, f"labmon: pages of {asset}"
    known = _decoded(storage.get_cursor_values({key}).get(key), States)
    if newest:
        known |= newest
        storage.set_cursor_values({key: msgspec.json.encode(known).decode()})
    return known


def read_cursor(text: str | None) -> dict[str, States]:
    """Give what the latest tick asked for, of each asset; nothing where the cursor is unreadable."""
    return _decoded(text, dict[str, States])


def written(asked: Mapping[str, Mapping[str, str]]) -> str:
    """Give the cursor of a tick."""
    return msgspec.json.encode({asset: states for asset, states in asked.items() if states}).decode()


def _decoded(text: str | None, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(text or "{}", type=kind)
    except msgspec.DecodeError:
        return msgspec.json.decode("{}", type=kind)
