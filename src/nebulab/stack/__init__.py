"""The embedded stack: Galaxy, the proxy, the environments; installed, configured, supervised; runs on one machine."""
