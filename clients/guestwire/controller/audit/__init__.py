"""What was done and refused: at the controller, and in the logs that its hosts keep."""
