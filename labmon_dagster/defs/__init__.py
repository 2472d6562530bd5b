"""The lab: one folder an experiment, with a defs.yaml for each of its sources."""
