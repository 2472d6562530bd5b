"""Events of cosmic-ray detectors: read from the journal, and dump files taken into it."""
