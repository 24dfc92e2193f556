"""Training of a conditional generator against physics."""
