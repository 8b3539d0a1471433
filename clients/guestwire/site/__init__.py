"""Makes a site: its root, keys, trust document and certificates. What it makes, `guestwire.protocol` checks."""
