"""The guest library in C, and what writes its header of layouts."""
