"""What was measured, with which detector, processed by which code: runs, streams, detectors and more."""
