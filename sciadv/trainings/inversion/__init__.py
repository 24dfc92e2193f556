"""Training of an encoder that inverts a generator."""
