"""What Linux itself says of the machine: sysfs, procfs. Needs no hypervisor."""
