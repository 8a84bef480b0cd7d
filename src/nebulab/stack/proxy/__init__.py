"""What leads the address of an entry point to its session: our own proxy, or gx-it-proxy."""
