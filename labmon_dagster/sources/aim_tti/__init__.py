"""Aim-TTi CPX laboratory power supplies, read as lines over TCP."""
