"""Names that collections may have, in whichever store."""

from __future__ import annotations

from labmon_dagster.stores.base import StoreError

OWN = "labmon_"
_TAKEN = (OWN, "sqlite_", "system.")
_LONGEST = 120


def check_collection(name: str) -> None:
    """Raise StoreError for a name that not every store can keep."""
    if not name or "\0" in name or "$" in name or name.startswith(".") or name.endswith("."):
        raise StoreError(f"collection {name!r}: a name has neither NUL nor $, and no dot at its ends")
    if name.lower().startswith(_TAKEN):
        raise StoreError(f"collection {name!r}: names that begin with {', '.join(_TAKEN)} are taken")
    if len(name.encode(errors="surrogatepass")) > _LONGEST:
        raise StoreError(f"collection {name[:40]!r}…: a name has at most {_LONGEST} bytes")
