"""The typed API of a site's hosts, over MQTT or over a host's Unix socket."""
