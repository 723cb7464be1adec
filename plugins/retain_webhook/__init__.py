"""The webhook integration."""
