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
    check_size(given, body, largest)
    return Kept(given, time, body, order, place, read)


def check_size(known_by: str, body: dict[str, object], largest: int) -> None:
    """Raise UnfitError for what has more than ``largest`` bytes of BSON, or cannot be BSON."""
    size = _size(known_by, body)
    if size > largest:
        raise UnfitError(
            f"{size / _MEGABYTE:.1f} MB are too large: this store takes documents of up to "
            f"{largest / _MEGABYTE:.0f} MB; keep large arrays in files and their names in the document"
        )


def _size(known_by: str, body: dict[str, object]) -> int:
    """Count the bytes of the whole document as BSON, rounded up. Raises UnfitError if it has none."""
    try:
        return len(bson.encode({"_id": known_by, "body": body})) + _HIDDEN_BYTES
    except UnicodeEncodeError as error:
        where = next((name for name, value in body.items() if not _is_unicode(name, value)), "id")
        raise UnfitError(f"{where!r}: a text that is no Unicode: {error}") from error
    except (InvalidDocument, OverflowError) as error:
        raise UnfitError(str(error)) from error


def _is_unicode(name: str, value: object) -> bool:
    try:
        return bool(bson.encode({name: value}))
    except UnicodeEncodeError:
        return False
