"""Secrets come from the environment, or from a file that the environment names, and are shown nowhere."""

from __future__ import annotations

import os
from pathlib import Path


def secret(*names: str) -> str | None:
    """Give the first secret there is: of each name, the text of the file that NAME_FILE names, or of NAME.

    Raises ValueError for a file that cannot be read.
    """
    for name in names:
        path = os.environ.get(f"{name}_FILE")
        if path:
            return secret_file(Path(path), f"{name}_FILE")
        if name in os.environ:
            return os.environ[name]
    return None


def secret_file(path: Path, named_by: str) -> str:
    """Give the secret a file holds. Raises ValueError, with who named it, for one that cannot be read."""
    try:
        return path.read_text().rstrip("\r\n")
    except OSError as error:
        raise ValueError(f"{named_by}: {path} cannot be read: {error.strerror}") from error
