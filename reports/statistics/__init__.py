"""What the differences between methods stand on, and whether a better metric means better detection."""
