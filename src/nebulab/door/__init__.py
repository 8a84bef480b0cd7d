"""The door: connections of sessions in containers without network, in, out and to Galaxy; one process beside Galaxy."""
