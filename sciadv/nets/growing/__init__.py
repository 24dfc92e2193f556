"""Networks that begin at a coarse resolution and grow."""
