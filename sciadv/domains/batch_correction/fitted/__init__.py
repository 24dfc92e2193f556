"""What was fitted: as it is kept, saved, and shown to other libraries."""
