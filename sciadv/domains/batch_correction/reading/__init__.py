"""Reading cells: their values and the keys that name them."""
