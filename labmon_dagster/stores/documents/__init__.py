"""Stores of documents: nested records with an identity, in SQLite or MongoDB."""
