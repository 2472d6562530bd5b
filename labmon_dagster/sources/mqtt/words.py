"""What went wrong with a broker, in words that say what to do."""

from __future__ import annotations

import re
import ssl
from collections.abc import Sequence

from labmon_dagster.sources.mqtt.options import TLS

SILENT = "the broker says nothing any more (keep-alive)"
_NEEDLESS = re.compile(r"^failed to receive on socket: |\[(SSL|Errno)[^]]*\] | \(_ssl\.c:\d+\)")


def not_kept(why: str) -> str:
    """Say that a message is not on disk, and that the broker has it still."""
    return f"a message is not journalled, and so not confirmed: {why}"


def not_granted(topics: Sequence[str]) -> str:
    """Say that subscriptions were refused."""
    return f"the broker refuses the subscription to {', '.join(topics)}; is the client allowed to read it?"


def granted_less(topics: Sequence[str]) -> str:
    """Say that the broker confirms nothing for some topics."""
    return f"the broker grants only quality of service 0 for {', '.join(topics)}"


def of_error(error: Exception) -> str:
    """Say why no connection was made."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the broker's certificate is refused: {error.verify_message}"
    if isinstance(error, TimeoutError):
        return "no answer in time"
    system = error.strerror if isinstance(error, OSError) and not isinstance(error, ssl.SSLError) else None
    return system or _NEEDLESS.sub("", str(error))


def of_end(said: str, scheme: str, *, subscribed: bool) -> str:
    """Say why the broker ended a connection, as far as it ``said`` so.

    With TLS 1.3 a broker that refuses the client's certificate ends the connection after it was made.
    """
    told = _NEEDLESS.sub("", said) or "the broker has ended the connection"
    if scheme == TLS and not subscribed:
        told += "; does it trust the client's certificate, and does that still hold?"
    return told
