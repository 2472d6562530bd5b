"""What of a page is shown: elements that are not, and signs for figures that are raised, lowered, struck.

The signs are characters no page has. A name leaves them out (``T<sub>1</sub>`` is ``T1``); a value shows
them as ``^ _ ~``, so that ``10<sup>3</sup>`` is no 103.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_RAISED, _LOWERED, _STRUCK = "\ufdd0", "\ufdd1", "\ufdd2"
_SIGNS = {"sup": _RAISED, "sub": _LOWERED, "s": _STRUCK, "del": _STRUCK, "strike": _STRUCK}
_SILENT: dict[int, str | None] = dict.fromkeys(map(ord, _SIGNS.values()))
_VISIBLE = {ord(_RAISED): "^", ord(_LOWERED): "_", ord(_STRUCK): "~"}
_UNSEEN = {"script", "style", "title", "textarea", "select", "button", "template", "noscript"}
_VOID = set("area base br col embed hr img input link meta source track wbr".split())  # noqa: SIM905
_HIDING = re.compile(r"display\s*:\s*none|visibility\s*:\s*(hidden|collapse)", re.IGNORECASE)
_STYLES = (
    (re.compile(r"vertical-align\s*:\s*(super|text-top)", re.IGNORECASE), _RAISED),
    (re.compile(r"vertical-align\s*:\s*sub", re.IGNORECASE), _LOWERED),
    (re.compile(r"line-through", re.IGNORECASE), _STRUCK),
)


def is_shown(tag: str, attributes: Mapping[str, str | None]) -> bool:
    """Whether a browser shows an element, as far as it says so itself."""
    hidden = "hidden" in attributes or _HIDING.search(attributes.get("style") or "")
    return tag not in _UNSEEN and not hidden


def has_end(tag: str) -> bool:
    """Whether an element has anything in it, and so an end."""
    return tag not in _VOID


def sign_before(tag: str, attributes: Mapping[str, str | None]) -> str:
    """Give the sign that stands where an element begins; none for most."""
    style = attributes.get("style") or ""
    return _SIGNS.get(tag, "") or next((sign for known, sign in _STYLES if known.search(style)), "")


def sign_behind(tag: str) -> str:
    """Give the sign that stands where an element ends; none for most."""
    return _STRUCK if _SIGNS.get(tag) == _STRUCK else ""


def as_name(text: str) -> str:
    """Give a text as a name, without the signs."""
    return text.translate(_SILENT)


def as_value(text: str) -> str:
    """Give a text as a value, with signs that make it no number."""
    return text.translate(_VISIBLE)
