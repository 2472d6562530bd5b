"""The soak of COSMIC events: broker, collector and MongoDB come and go; every event is stored once."""
