"""Write include/guestwire_layout.h from the table: `python -m guestwire.guest.c.generate`, after every change of it."""

from pathlib import Path

from guestwire.shm.c_header import c_header

HEADER = Path(__file__).parent / "include" / "guestwire_layout.h"

if __name__ == "__main__":
    HEADER.write_text(c_header())
