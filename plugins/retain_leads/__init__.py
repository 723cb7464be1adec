"""The leads integration."""
