"""Cryomech helium compressors (CPA series), read over Modbus/TCP."""
