"""Topics by pattern: what is subscribed to, and which detector a topic is of."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from paho.mqtt.client import MQTTMessage

DETECTOR = "{detector}"
_LONGEST = 65_535  # bytes
_NUMBER = "([0-9]{1,18})"


def filter_of(pattern: str) -> str:
    """Give what is subscribed to for a pattern: ``cosmic/{detector}/events`` is ``cosmic/+/events``.

    Raises ValueError for what is no topic filter.
    """
    levels = pattern.split("/")
    if not pattern or "\0" in pattern or len(pattern.encode(errors="surrogatepass")) > _LONGEST:
        raise ValueError(f"topic {pattern!r}: 1 to {_LONGEST} bytes without NUL are allowed")
    if not _is_unicode(pattern):
        raise ValueError(f"topic {pattern!r} has half a character (a lone surrogate)")
    if levels.count(DETECTOR) > 1:
        raise ValueError(f"topic {pattern!r}: {DETECTOR} is allowed once")
    for number, level in enumerate(levels, 1):
        _check_level(level, pattern, last=number == len(levels))
    return "/".join("+" if level == DETECTOR else level for level in levels)


def detector_in(topic: str, patterns: Sequence[str]) -> int | None:
    """Give the number that stands in a topic where a pattern has ``{detector}``; the first pattern counts.

    None if no pattern with ``{detector}`` fits, or what stands there is no number of up to 18 digits.
    """
    for pattern in patterns:
        if DETECTOR in pattern and (found := _expression(pattern).fullmatch(topic)):
            return int(found[1])
    return None


def topic_of(message: MQTTMessage) -> str:
    """Give the topic of a message; bytes of it that are no UTF-8 are escaped."""
    try:
        return message.topic
    except UnicodeDecodeError as error:
        return bytes(error.object).decode(errors="backslashreplace")


@lru_cache(maxsize=1024)
def _expression(pattern: str) -> re.Pattern[str]:
    levels = [_level_expression(level) for level in pattern.split("/") if level != "#"]
    more = "(?:/.*)?" if pattern.endswith("#") else ""  # `a/#` is `a` and all below it
    return re.compile("/".join(levels) + more, re.DOTALL)


def _level_expression(level: str) -> str:
    return {DETECTOR: _NUMBER, "+": "[^/]*"}.get(level) or re.escape(level)


def _check_level(level: str, pattern: str, *, last: bool) -> None:
    if level == DETECTOR or level == "+" or (level == "#" and last):
        return
    if "+" in level or "#" in level:
        raise ValueError(f"topic {pattern!r}: + stands alone between slashes, # alone at the end")
    if "{" in level or "}" in level:
        raise ValueError(f"topic {pattern!r}: {level!r} is not known; allowed: {DETECTOR} between slashes")


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
