"""What a document of an event holds, as people are told of the asset."""

from __future__ import annotations

from labmon_dagster.model import Field, FieldType

_INTEGER, _TEXT = FieldType.INTEGER, FieldType.TEXT

FIELDS = (
    Field(
        "detector", _INTEGER, description="DetectorId, or the number in the topic where the event has none"
    ),
    Field("run", _INTEGER, description="RunNumber"),
    Field("number", _INTEGER, description="EventNumber"),
    Field("block", _INTEGER, description="CosmicBlock"),
    Field("trigger_bits", _INTEGER, description="TriggerBits, a mask"),
    Field("timed_by", _TEXT, description="What the time is by: Timestamp, or receipt where that is none"),
    Field("raw", _TEXT, description="The event as it came, with all its keys"),
    Field("decoded", _TEXT, description="Values made of it"),
    Field("how", _TEXT, description="How each decoded value was obtained"),
    Field("receipt", _TEXT, description="When and how it was received"),
)
