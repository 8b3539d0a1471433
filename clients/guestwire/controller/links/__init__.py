"""The controller's ways to hosts: connections over MQTT, straight over TLS, or over a host's own socket."""
