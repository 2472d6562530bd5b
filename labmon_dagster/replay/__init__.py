"""Points between files and stores: written in three forms, and loaded again."""
