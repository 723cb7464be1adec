"""The email integration."""
