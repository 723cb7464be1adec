"""The log integration."""
