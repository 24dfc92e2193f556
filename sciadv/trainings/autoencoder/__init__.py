"""Training of a prior by a variational autoencoder, and a game for its decoder."""
