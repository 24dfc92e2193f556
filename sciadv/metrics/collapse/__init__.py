"""Whether samples have collapsed: a test against halves of the real data, in features learnt from them."""
