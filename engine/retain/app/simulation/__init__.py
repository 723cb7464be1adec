"""The engine over the past."""
