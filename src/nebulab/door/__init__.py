"""The ways of sessions whose containers have no network: in, out, and to Galaxy; one process beside a Galaxy."""
