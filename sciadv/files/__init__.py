"""Files: everything that is read and everything that is written."""
