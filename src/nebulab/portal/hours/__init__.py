"""GPU hours: read from Galaxy's own tables, added up, limited in a rolling window, and told."""
