"""The controller over HTTP: one module for each subject, and the frame that all of them stand in."""
