"""What only one domain knows: its objects, its behaviours, its pictures."""
