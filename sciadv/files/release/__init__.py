"""What lies outside the package: in a folder of the user's, in the cache, or in the release."""
