"""What lies in the archive for a shop beside the program, and how it is put together."""
