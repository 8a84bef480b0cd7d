"""What the session uses, for the status bar and the tab Resources."""
