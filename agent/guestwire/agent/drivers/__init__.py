"""The drivers behind the ports of the services: libvirt, simulated, linux."""
