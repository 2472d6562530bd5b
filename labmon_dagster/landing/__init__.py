"""Where readings meet the store: merged with what is there, flagged, counted, entered in the ledger."""

from labmon_dagster.landing.ask import ask, news_position
from labmon_dagster.landing.documents import DocumentLanding
from labmon_dagster.landing.land import Landing
from labmon_dagster.landing.lander import Delivery
from labmon_dagster.landing.recipe import Recipe
from labmon_dagster.landing.timebox import time_boxed

__all__ = [
    "Delivery",
    "DocumentLanding",
    "Landing",
    "Recipe",
    "ask",
    "news_position",
    "time_boxed",
]
