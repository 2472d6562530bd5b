"""What devices are asked through: UDP ports, TCP connections, HTTP; shared by the kinds of devices."""
