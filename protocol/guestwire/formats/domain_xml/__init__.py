"""A guest as libvirt's domain XML, both ways. Documents only: nothing here talks to libvirt."""
