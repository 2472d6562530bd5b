"""iMACRT modules over UDP: the thermometer bridge MMR3 and the heater controller MGC3. See README.md."""
