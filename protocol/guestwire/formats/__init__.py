"""Documents of other systems, both ways: libvirt domain XML, KVM-RT and System Manager files, our project TOML. Pure."""
