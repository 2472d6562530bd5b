"""What is wrong with a record, in words that name it and the field."""

from __future__ import annotations

from pydantic import ValidationError

_SHOWN = 100


class RecordError(RuntimeError):
    """A record that cannot be made or changed so; nothing was written. The text names it and the field."""


def told(error: ValidationError, within: str = "", only: str = "") -> str:
    """Say what a model found wrong: each field (below ``within``) and what is allowed; or ``only`` one."""
    return "; ".join(
        f"field {_place(within, *one['loc']) or '(all)'}: {one['msg']}"
        for one in error.errors()
        if not only or one["loc"][:1] == (only,)
    )


def shown(name: object) -> str:
    """Show what was given as a name, whatever it is."""
    text = repr(name)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def _place(*parts: object) -> str:
    return ".".join(str(part) for part in parts if part != "")
