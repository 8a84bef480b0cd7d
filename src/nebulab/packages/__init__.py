"""What users add to a session: the packages in their layer, their conda environments, and uv; runs in the session."""
