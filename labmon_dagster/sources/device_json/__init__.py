"""Devices and programs that give their values as JSON over HTTP."""
