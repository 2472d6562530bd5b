"""Print the peak memory (kB) of materializing some days of a table in this process."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from labmon_dagster_tests.labs import materialize, tower
from labmon_dagster_tests.peak import peak_kib


def main() -> None:
    """Arguments: folder, first day, last day."""
    folder, first, last = sys.argv[1:]
    feed = tower(Path(folder), zone="UTC", fields={}, quality={})
    assert materialize(feed, first, last).success
    sys.stdout.write(json.dumps(peak_kib()))


if __name__ == "__main__":
    main()
