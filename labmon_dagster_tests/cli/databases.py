"""Databases for the tests of the command line."""

from labmon_dagster_tests.databases import TOKEN, Url, dropped, urls

__all__ = ["TOKEN", "Url", "dropped", "urls"]
