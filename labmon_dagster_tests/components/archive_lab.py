"""The lab's own archive feed over an archive of the test."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

import labmon_dagster
from labmon_dagster.components import Feed, WinccArchive
from labmon_dagster.landing import Delivery, Landing
from labmon_dagster.model import NOWHERE, Request, Window
from labmon_dagster.stores import SqliteStore
from labmon_dagster_tests.sources.wincc_archive.archives import FIRST, Archive

ASSET = "cms_mtd/dcs_readings"
_DEFS = Path(labmon_dagster.__file__).parent / "defs" / "cms_mtd" / "defs.yaml"


def attributes() -> dict[str, Any]:
    """What the lab's YAML says."""
    return dict(yaml.safe_load(_DEFS.read_text())["attributes"])


def feed_of(archive: Archive, **changes: Any) -> Feed:
    """The feed of the lab's own YAML over an archive of the test."""
    attributes = yaml.safe_load(_DEFS.read_text())["attributes"]
    return WinccArchive.model_validate(
        {**attributes, "archive": f"sqlite:///{archive.path}", **changes}
    ).feed()


def land(feed: Feed, store: SqliteStore, now: int) -> None:
    """Read the first day as a whole, at a time that is told."""
    request = Request(Window.of_days(FIRST, FIRST), NOWHERE, NOWHERE, now)
    Landing(store, Delivery(ASSET, feed.measurement, (FIRST,), feed.recipe), now).land(
        feed.source.read(request)
    )
