"""The tasks integration."""
