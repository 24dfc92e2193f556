"""The reliability bench: bad input, broken files, interruptions, a full disk, threads and memory."""
