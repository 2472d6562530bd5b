"""What is wrong with a record, in words that name it and the field."""

from __future__ import annotations

from pydantic import ValidationError


class RecordError(RuntimeError):
    """A record that cannot be made or changed so; nothing was written. The text names it and the field."""


def told(error: ValidationError) -> str:
    """Say what a model found wrong: each field and what is allowed."""
    return "; ".join(
        f"field {'.'.join(map(str, one['loc'])) or '(all)'}: {one['msg']}" for one in error.errors()
    )
