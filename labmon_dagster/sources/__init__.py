"""One folder for each kind of instrument or format: reader, emulator, README, cases."""
