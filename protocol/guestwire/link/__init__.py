"""I/O under the protocol: MQTT transports, sockets, in-memory twin; session, invoke, serve."""
