"""What the YAML of every collection of documents says alike: its name, its store."""

from __future__ import annotations

from typing import Annotated

from pydantic import ConfigDict, Field, field_validator

from labmon_dagster import settings
from labmon_dagster.components.asset_component import AssetComponent, StoreName
from labmon_dagster.components.table import free_name


class CollectionComponent(AssetComponent):
    """A component whose feed is one collection of documents."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)
    collection: Annotated[str, Field(min_length=1)]
    store: StoreName = settings.DOCUMENTS

    @field_validator("collection")
    @classmethod
    def _is_free(cls, given: str) -> str:
        return free_name(given)
