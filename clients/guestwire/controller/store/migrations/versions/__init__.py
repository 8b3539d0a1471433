"""One module for each revision. What is released is never changed: what comes after it is a revision of its own."""
