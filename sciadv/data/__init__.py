"""Data sets and what is known of them."""
