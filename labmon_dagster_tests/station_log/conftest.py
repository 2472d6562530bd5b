"""Stores as the tests of landing have them."""

from labmon_dagster_tests.landing.conftest import new_store

__all__ = ["new_store"]
