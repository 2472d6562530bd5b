"""Real servers that the tests start themselves, without root, and what stands in for the others."""
