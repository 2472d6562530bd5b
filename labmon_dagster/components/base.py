"""What every component of labmon has in common: it describes feeds."""

from __future__ import annotations

from abc import abstractmethod

import dagster as dg

from labmon_dagster.components.assets import feed_definitions
from labmon_dagster.components.feed import Feed


class FeedComponent(dg.Component):
    """A component that gives feeds. A new kind of source gives feeds of its own, nothing else."""

    @abstractmethod
    def feeds(self) -> list[Feed]:
        """Every feed it gives: a source, how its rows are treated, and the asset they become."""

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """The assets and their checks."""
        return dg.Definitions.merge(*map(feed_definitions, self.feeds()))
