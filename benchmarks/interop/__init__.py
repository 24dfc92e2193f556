"""How far other libraries' operators can be used here, tried on all of them."""
