"""InfluxDB's line protocol: one point a line, as its servers and clients write and take it."""
