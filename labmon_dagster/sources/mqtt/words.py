"""What went wrong with a broker, in words that say what to do."""

from __future__ import annotations

import re
import ssl
from collections.abc import Sequence

from paho.mqtt.reasoncodes import ReasonCode

from labmon_dagster.sources.mqtt.options import TLS

NOT_KEPT = "a message is not journalled, and so not confirmed"
SILENT = "the broker says nothing any more (keep-alive)"
_NEEDLESS = re.compile(r"^failed to receive on socket: |\[(SSL|Errno)[^]]*\] | \(_ssl\.c:\d+\)")


def not_kept(why: str) -> str:
    """Say that a message is not on disk, and that the broker has it still."""
    return f"{NOT_KEPT}: {why}"


def not_as_asked(granted: Sequence[tuple[str, ReasonCode]], qos: int) -> str:
    """Say which subscriptions were refused, and which have less than ``qos``; '' if none."""
    refused = [topic for topic, one in granted if one.is_failure]
    less = [topic for topic, one in granted if one.value < qos]
    told = []
    if refused:
        told.append(
            f"the broker refuses the subscription to {', '.join(refused)}; is the client allowed to read it?"
        )
    if less:
        told.append(f"the broker grants only quality of service 0 for {', '.join(less)}")
    return "; ".join(told)


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
