"""The whole lab: every feed that the YAML files under defs/ describe."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import dagster as dg

from labmon_dagster.components.base import FeedComponent
from labmon_dagster.components.feed import Feed

PACKAGE = Path(__file__).parent.parent


def feeds_of(tree: dg.ComponentTree) -> list[Feed]:
    """The feeds of a component tree, by key. Raises ValueError where two claim one asset."""
    components = tree.get_all_components(FeedComponent)
    found = (feed for component in components for feed in component.feeds())
    feeds = sorted(found, key=lambda feed: feed.asset)
    twice = {a.asset for a, b in pairwise(feeds) if a.asset == b.asset}
    if twice:
        raise ValueError(f"described more than once: {', '.join(sorted(twice))}")
    return feeds


def load_feeds() -> list[Feed]:
    """The feeds of the lab in defs/."""
    return feeds_of(dg.ComponentTree.for_project(PACKAGE))


def feed_named(asset: str) -> Feed:
    """The feed of an asset. Raises ValueError that names those there are."""
    feeds = {feed.asset: feed for feed in load_feeds()}
    if asset not in feeds:
        raise ValueError(f"no asset {asset!r}; there are {', '.join(feeds) or 'none'}")
    return feeds[asset]
