"""Which MongoDB, and which database in it: what a store's URL says."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

FORMS = "mongodb://[USER@]HOST[:PORT][,HOST…]/DATABASE[?OPTIONS] or mongodb+srv://[USER@]HOST/DATABASE"
_UNFIT = frozenset('/\\. "$*<>:|?\0')
_LONGEST = 63


@dataclass(frozen=True, slots=True)
class Address:
    """A database. ``shown`` names it to people: hosts and database, without user and options."""

    url: str
    database: str
    user: str
    shown: str

    @classmethod
    def parse(cls, url: str) -> Address:
        """Understand a URL. Raises ValueError that says what is wrong, and repeats nothing secret."""
        parts = urlsplit(url)
        if parts.scheme not in {"mongodb", "mongodb+srv"}:
            raise ValueError(f"{parts.scheme!r} is no MongoDB; write {FORMS}")
        userinfo, _, hosts = parts.netloc.rpartition("@")
        if ":" in userinfo or "@" in parts.path:
            raise ValueError(f"no password in the URL, please: it is given apart from it; write {FORMS}")
        database = unquote(parts.path[1:])
        if not hosts or not database:
            raise ValueError(f"the {'database' if hosts else 'host'} is missing; write {FORMS}")
        if _UNFIT.intersection(database) or len(database.encode()) > _LONGEST:
            raise ValueError(f"this database has a name MongoDB does not allow; write {FORMS}")
        return cls(url, database, unquote(userinfo), f"{hosts}/{database}")
