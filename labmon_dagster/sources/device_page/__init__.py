"""Pages of values that devices show over HTTP: iMACRT modules, and cryostats by the same maker."""
