"""The embedded Galaxy: its configuration, its accounts, where its jobs run, and what helps it; on one machine."""
