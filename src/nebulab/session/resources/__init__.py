"""What a session uses of what it may take, now and in its last hour, for the Lab's page."""
