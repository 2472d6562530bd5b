"""What every component of labmon has in common: it describes a feed."""

from __future__ import annotations

from abc import abstractmethod

import dagster as dg

from labmon_dagster.components.assets import feed_definitions
from labmon_dagster.components.feed import Feed


class FeedComponent(dg.Component):
    """A component that gives one feed. A new kind of source is a new `feed`, nothing else."""

    @abstractmethod
    def feed(self) -> Feed:
        """The source, how its rows are treated, and the asset they become."""

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """The asset and its checks."""
        return feed_definitions(self.feed())
