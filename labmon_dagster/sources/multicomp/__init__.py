"""Multicomp Pro MP710508: a power supply of four channels, asked over UDP."""
