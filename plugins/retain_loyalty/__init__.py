"""The loyalty integration."""
