"""What lies in memory that guests share: one table of layouts, codecs over it, and the C header made from it. Pure."""
