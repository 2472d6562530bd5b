"""Events of detectors: what their journal holds, and dump files on their way through it into a store."""
