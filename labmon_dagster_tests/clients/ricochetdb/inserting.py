"""A program that inserts DAQ messages until it is killed, and says what it was told is safe."""

from __future__ import annotations

import sys
import time

from labmon_dagster.clients.ricochetdb.daq import DaqLogger

EACH = 40


def main() -> None:
    """Insert ``EACH`` messages at a time; print the number of each insert when it has returned."""
    who, logger = sys.argv[1], DaqLogger()
    number = 0
    while True:
        given = [
            {"topic": who, "timestamp": time.time(), "insert": number, "n": n, "pad": "x" * 500}
            for n in range(EACH)
        ]
        logger.insert(given)
        sys.stdout.write(f"{number}\n")
        sys.stdout.flush()
        number += 1


if __name__ == "__main__":
    main()
