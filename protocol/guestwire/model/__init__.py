"""The nouns of Guestwire as frozen values, and the pure rules over them. No I/O, no clock, no log."""
