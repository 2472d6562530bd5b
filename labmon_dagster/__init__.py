"""Laboratory monitoring on Dagster: every reading found again, every gap seen and filled."""
