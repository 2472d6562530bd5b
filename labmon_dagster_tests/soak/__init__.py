"""Soaks: a lab under faults, kills and load for long, and a second reader that judges what became of it.

Each is a `make soak-…` that writes JSON and ends with 1 if a promise was broken; short versions are tests.
"""
