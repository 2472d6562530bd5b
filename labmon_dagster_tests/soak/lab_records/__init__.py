"""The soak of the records: processes that are killed while they change the same runs and streams."""
