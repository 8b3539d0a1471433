"""Brokers and faults for tests and the first run: mosquitto, our embedded MQTT 5 broker, a TCP fault proxy, fixtures.

Never for production: every listener binds 127.0.0.1.
"""
