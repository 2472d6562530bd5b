"""Trying again while a server is away or busy, and saying what to do where that does not help."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

import stamina
import urllib3

from labmon_dagster.stores.base import StoreError
from labmon_dagster.stores.influxdb.errors import Refused
from labmon_dagster.stores.influxdb.target import Target

if TYPE_CHECKING:
    from labmon_dagster.stores.influxdb.link import Link

_TRANSIENT = {408, 429, 500, 502, 503, 504}
_FIRST_WAIT, _LONGEST_WAIT, _LONGEST_ASKED = 0.2, 5.0, 60.0
T = TypeVar("T")


def tried(link: Link, what: str, work: Callable[[], T]) -> T:
    """Do ``work``, again and again while the server is away or busy, for as long as it may be.

    Raises StoreError that says what to do; Refused for answers that another try would not change.
    """
    told, patience = f"InfluxDB at {link.target.base}, {what}", link.target.patience
    promise = "; nothing is lost, it is tried again" if patience else ""
    try:
        for attempt in stamina.retry_context(
            on=_pause,
            attempts=None if patience else 1,
            timeout=patience or None,
            wait_initial=_FIRST_WAIT,
            wait_max=_LONGEST_WAIT,
        ):
            with attempt:
                return work()
    except urllib3.exceptions.HTTPError as error:
        raise StoreError(f"{told}: {_reason(error)}{promise}") from error
    except Refused as refused:
        if refused.status in _TRANSIENT:
            raise StoreError(f"{told}: {refused}{promise}") from refused
        if advice := _advice(link.target, refused.status):
            raise StoreError(f"{told}: {refused}; {advice}") from refused
        raise
    raise AssertionError("the last try ends the loop")


def _pause(error: Exception) -> bool | float:
    """Whether another try may help, and how long the server wants to be left alone before."""
    asked = error.wait if isinstance(error, Refused) and _passes(error) else None
    if asked is None:
        return _passes(error)
    return asked if asked <= _LONGEST_ASKED else False


def _passes(error: Exception) -> bool:
    """Whether what hinders may be over soon."""
    if isinstance(error, Refused):
        return error.status in _TRANSIENT
    return isinstance(error, urllib3.exceptions.HTTPError) and not _about_certificates(error)


def _advice(target: Target, status: int) -> str:
    """Say what to do about an answer; '' where that depends on what was asked."""
    if status in {401, 403}:
        secret = (
            "LABMON_INFLUXDB_TOKEN" if target.api == 2 else "user in the URL and LABMON_INFLUXDB_PASSWORD"
        )
        return f"check {secret}, and that it may read and write {target.database!r}"
    if status == 404:
        return f"`labmon create-store` makes {target.database!r}, if host and path of the URL are right"
    return ""


def _about_certificates(error: Exception) -> bool:
    return "certificate verify failed" in str(error).lower().replace("_", " ")


def _reason(error: Exception) -> str:
    hint = "; `ca=FILE` in the URL names the authority to trust" if _about_certificates(error) else ""
    return f"{type(error).__name__}: {error}{hint}"
