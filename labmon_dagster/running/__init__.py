"""Starting and stopping the processes of the lab. Nothing in here imports Dagster: it only runs it."""
