"""The libvirt driver: real guests. The only importer of libvirt."""
