"""Annotated CSV, as `influx write` takes it and Flux queries return it."""
