"""Where an archive is: `oracle://USER@HOST:PORT/SERVICE` or `sqlite:///FILE`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit

from labmon_dagster.sources.wincc_archive.archive import Archive
from labmon_dagster.sources.wincc_archive.oracle import OracleArchive
from labmon_dagster.sources.wincc_archive.sqlite import SqliteArchive

FORMS = "oracle://USER@HOST:PORT/SERVICE or sqlite:///FILE (sqlite:////absolute/path.db)"
_PORT = 1521


@dataclass(frozen=True, slots=True)
class Address:
    """The parts of an archive's URL. Raises ValueError, which shows no password, for any other URL."""

    url: SplitResult

    @classmethod
    def parse(cls, text: str) -> Address:
        """Understand a URL."""
        try:
            url = urlsplit(text.strip())
        except ValueError as error:
            raise ValueError(f"{error}; write {FORMS}") from error
        if url.password is not None:
            raise ValueError(
                "a password does not belong in the URL; the variable that `password_variable` names has it"
            )
        if url.query or url.fragment:
            raise ValueError(f"nothing may follow the {'?' if url.query else '#'}; write {FORMS}")
        if url.scheme == "oracle":
            _check_oracle(url)
        elif url.scheme != "sqlite" or url.netloc or len(url.path) < 2:
            raise ValueError(f"this is no archive; write {FORMS}")
        return cls(url)

    def archive(self, schema: str, folder: Path, password: Callable[[], str], timeout: float) -> Archive:
        """Make the archive. A relative FILE lies below ``folder``; nothing is opened yet."""
        url = self.url
        if url.scheme == "sqlite":
            return SqliteArchive(folder / unquote(url.path[1:]), schema)
        user, service = unquote(url.username or ""), unquote(url.path[1:])
        return OracleArchive(url.hostname or "", url.port or _PORT, service, user, password, timeout)


def _check_oracle(url: SplitResult) -> None:
    try:
        port = url.port
    except ValueError as error:
        raise ValueError(f"the port is a number up to 65535; write {FORMS}") from error
    if not url.username or not url.hostname or port == 0 or len(url.path) < 2:
        raise ValueError(f"user, host or service is missing; write {FORMS}")
