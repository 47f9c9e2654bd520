"""The texts of the Debian package."""
