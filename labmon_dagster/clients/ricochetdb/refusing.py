"""What is no query is refused in words of this module: a RuntimeError, as its programs expect."""

from __future__ import annotations

from collections.abc import Callable

from labmon_dagster.model.devices import SwitchingError


class RefusedError(SwitchingError, RuntimeError):
    """Something that is no query would have been sent: devices are read, and never switched."""


def query_only(check: Callable[[str], str], message: str | bytes) -> str:
    """Give a message that ``check`` lets pass. Raises RefusedError, before anything is sent."""
    text = message if isinstance(message, str) else message.decode("latin-1")
    try:
        return check(text)
    except SwitchingError as error:
        raise RefusedError(str(error)) from None
