"""The most memory this process ever had."""

from __future__ import annotations

import re
from pathlib import Path


def peak_kib() -> int:
    """Peak resident memory in KiB since this program began.

    `resource.getrusage` would not do: its peak is inherited from the process that started this one.
    """
    status = Path("/proc/self/status").read_text()
    match = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert match
    return int(match[1])
