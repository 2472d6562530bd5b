"""COSMIC detector events: their text found, read by format number, decoded, and made into documents."""

from labmon_dagster.sources.cosmic.decode import EPOCH_2000, Decoding
from labmon_dagster.sources.cosmic.document import Receipt, document_of
from labmon_dagster.sources.cosmic.event import Event, read_event
from labmon_dagster.sources.cosmic.scan import Piece, Scanner, pieces

__all__ = [
    "EPOCH_2000",
    "Decoding",
    "Event",
    "Piece",
    "Receipt",
    "Scanner",
    "document_of",
    "pieces",
    "read_event",
]
