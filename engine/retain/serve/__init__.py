"""Doors, thin: HTTP, the daemon, the command line."""
