"""Any generator: whether it recovers the images that it made itself."""
