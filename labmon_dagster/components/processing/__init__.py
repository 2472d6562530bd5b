"""A folder's files on their way: taken into the journal, delivered from it, finished and deleted."""
