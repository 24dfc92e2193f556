"""Searches in latent space: the driver, where searches start, and one algorithm a file."""
