"""Pages that need no other file and no network: one template engine, one style sheet, small scripts."""
