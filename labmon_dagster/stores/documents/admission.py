"""Which documents can be stored, and those made ready for it."""

from __future__ import annotations

from collections.abc import Iterable

import bson
from bson.errors import InvalidDocument

from labmon_dagster.model.documents import Document
from labmon_dagster.stores.documents.kept import Admitted, Kept, Refused
from labmon_dagster.stores.documents.plain import HIGHEST, LOWEST, UnfitError, plain

_HIDDEN_BYTES = 200
_MEGABYTE = 1024 * 1024


def admit(documents: Iterable[Document], read: int, largest: int) -> Admitted:
    """Make documents ready for a store that takes ``largest`` bytes of BSON; ``read``: who writes them."""
    admitted = Admitted()
    for document in documents:
        try:
            admitted.kept.append(_kept(document, read, largest))
        except UnfitError as unfit:
            admitted.refused.append(Refused(document, str(unfit)))
    return admitted


def _kept(document: Document, read: int, largest: int) -> Kept:
    given, time, order, place = document.id, document.time, document.order, document.place
    if not isinstance(given, str) or not given:
        raise UnfitError(f"the id {given!r} is no text, or empty")
    for name, number in (("time", time), ("order", order), ("place", place)):
        if not LOWEST <= number <= HIGHEST:
            raise UnfitError(f"{name} {number} does not fit into 64 bits")
    body = plain(document.body)
    size = _size(given, body)
    if size > largest:
        raise UnfitError(
            f"{size / _MEGABYTE:.1f} MB are too large: this store takes documents of up to "
            f"{largest / _MEGABYTE:.0f} MB; keep large arrays in files and their names in the document"
        )
    return Kept(given, time, body, order, place, read)


def _size(known_by: str, body: dict[str, object]) -> int:
    """Count the bytes of the whole document as BSON, rounded up. Raises UnfitError if it has none."""
    try:
        return len(bson.encode({"_id": known_by, "body": body})) + _HIDDEN_BYTES
    except UnicodeEncodeError as error:
        raise UnfitError(f"a text that is no Unicode: {error}") from error
    except (InvalidDocument, OverflowError) as error:
        raise UnfitError(str(error)) from error
