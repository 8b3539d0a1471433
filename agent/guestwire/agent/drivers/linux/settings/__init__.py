"""The settings of a Linux host, one module each: how it is read, made true now and after a boot, and put back."""
