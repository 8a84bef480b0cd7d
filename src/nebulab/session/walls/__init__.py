"""What stands between a notebook and the rest of the machine, and the ways through the door."""
