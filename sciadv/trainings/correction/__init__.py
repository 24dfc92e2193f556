"""Training of a correction: an encoder that hides the batch against a discriminator that finds it."""
