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
            try:
                return Path(path).read_text().rstrip("\r\n")
            except OSError as error:
                raise ValueError(f"{name}_FILE: {path} cannot be read: {error.strerror}") from error
        if name in os.environ:
            return os.environ[name]
    return None
