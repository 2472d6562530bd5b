"""Run every comparison and print the table of docs/performance.md."""

from __future__ import annotations

import os
import platform
import tempfile
from pathlib import Path

from benchmarks import toa5
from benchmarks.pairs import run


def main() -> None:
    """Print as each comparison is done."""
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, five rounds in turn, medians\n")
    print("| what | instead of | labmon | the other | ratio (min–max) | wanted |")
    print("|---|---|--:|--:|--:|--:|")
    with tempfile.TemporaryDirectory() as folder:
        for pair in toa5.pairs(Path(folder)):
            print(run(pair).row(), flush=True)


if __name__ == "__main__":
    main()
