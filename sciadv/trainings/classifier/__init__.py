"""Training of the small classifier whose features and classes measure samples."""
