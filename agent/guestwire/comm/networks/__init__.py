"""The virtual networks of a host: Linux bridges, their firewall, their leases, and what is seen of them."""
