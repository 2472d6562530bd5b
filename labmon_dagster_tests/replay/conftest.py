"""The stores that points are loaded into."""

from labmon_dagster_tests.stores.conftest import factory, store

__all__ = ["factory", "store"]
