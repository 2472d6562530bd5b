"""The whole lab: every feed that the YAML files under defs/ describe."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import dagster as dg

from labmon_dagster.collector.kinds import check_clients
from labmon_dagster.components.base import FeedComponent
from labmon_dagster.components.derived import DerivedComponent
from labmon_dagster.components.feed import Feed
from labmon_dagster.lookup import check_known

PACKAGE = Path(__file__).parent.parent


def feeds_of(tree: dg.ComponentTree) -> list[Feed]:
    """The feeds of a component tree, by key. Raises ValueError where two claim one asset, or one client."""
    components = tree.get_all_components(FeedComponent)  # type: ignore[type-abstract]
    found = (feed for component in components for feed in component.feeds())
    feeds = sorted(found, key=lambda feed: feed.asset)
    twice = {a.asset for a, b in pairwise(feeds) if a.asset == b.asset}
    if twice:
        raise ValueError(f"described more than once: {', '.join(sorted(twice))}")
    check_clients((feed.asset, one.settings) for feed in feeds for one in feed.stations)
    return feeds


def load_feeds() -> list[Feed]:
    """The feeds of the lab in defs/."""
    return feeds_of(dg.ComponentTree.for_project(PACKAGE))


def load_derived(feeds: Sequence[Feed]) -> list[DerivedComponent]:
    """The components of the lab in defs/ whose assets are made out of records and readings, by key.

    Raises ValueError for one whose readings no feed gives.
    """
    tree = dg.ComponentTree.for_project(PACKAGE)
    found = tree.get_all_components(DerivedComponent)  # type: ignore[type-abstract]
    for one in found:
        check_readings(one, feeds)
    return sorted(found, key=lambda one: one.asset)


def check_readings(component: DerivedComponent, feeds: Sequence[Feed]) -> None:
    """Raise ValueError, naming what there is, unless a feed gives the readings a component is made of."""
    there = {feed.asset: feed for feed in feeds if not feed.documents}
    try:
        check_known("asset of readings", [component.readings], there)
        feed = there[component.readings]
        check_known("measurement", [component.measurement], [feed.measurement])
        check_known("field", [component.field], [field.name for field in feed.fields])
        check_known("tag", component.tags, feed.tags)
    except ValueError as error:
        raise ValueError(f"{component.asset}: {error}") from error


def feed_named(asset: str) -> Feed:
    """The feed of an asset. Raises ValueError that names those there are."""
    feeds = {feed.asset: feed for feed in load_feeds()}
    if asset not in feeds:
        raise ValueError(f"no asset {asset!r}; there are {', '.join(feeds) or 'none'}")
    return feeds[asset]
