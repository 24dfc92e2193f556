"""Tools of the checkout, outside the package: the map of its structure."""
