"""What every component of labmon has in common: it describes feeds."""

from __future__ import annotations

import dagster as dg

from labmon_dagster.components.assets import feed_definitions
from labmon_dagster.components.feed import Feed


class FeedComponent(dg.Component):
    """A component that gives feeds. A new kind of source is a new `feed` (or `feeds`), nothing else."""

    def feed(self) -> Feed:
        """The source, how its rows are treated, and the asset they become; of components that have one."""
        raise NotImplementedError(f"{type(self).__name__} gives neither `feed` nor `feeds`")

    def feeds(self) -> list[Feed]:
        """Every feed it gives."""
        return [self.feed()]

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """The assets and their checks."""
        return dg.Definitions.merge(*map(feed_definitions, self.feeds()))
