"""What is measured: a module for each subject, which says what it found in the words of the catalogue."""
