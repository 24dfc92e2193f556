"""What the game adds to an autoencoder, in a solve."""
