"""Messages of an MQTT broker: subscribed to, and acknowledged when they are on disk."""
