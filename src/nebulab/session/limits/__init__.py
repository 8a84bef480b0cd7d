"""What a session may take of memory, disk and processes, and what happens at the limit."""
