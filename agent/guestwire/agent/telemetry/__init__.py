"""What a host measures of itself: sampling, batches, and keeping them until a controller has them."""
