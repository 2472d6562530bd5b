"""Measured against what users would use instead, side by side in one run: `make bench`."""
