"""What the portal keeps: its tables, their migrations, and the way to the database."""
