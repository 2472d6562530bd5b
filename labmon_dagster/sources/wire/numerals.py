"""Numbers among the options of a device: a template of YAML gives them as text."""

from __future__ import annotations

import re
from typing import Any

_WHOLE = re.compile(r"[0-9]{1,18}", re.ASCII)
_DECIMAL = re.compile(r"[0-9]{1,18}\.[0-9]{1,18}", re.ASCII)


def numeral(told: Any) -> Any:
    """Give a text of digits as the number it says (``"12000"``, ``"0.05"``), all else as it is."""
    if isinstance(told, str) and _WHOLE.fullmatch(told):
        return int(told)
    if isinstance(told, str) and _DECIMAL.fullmatch(told):
        return float(told)
    return told


def numerals(told: Any) -> Any:
    """Do so with each of a list."""
    return [numeral(one) for one in told] if isinstance(told, list | tuple) else told
