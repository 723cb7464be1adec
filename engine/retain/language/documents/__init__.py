"""YAML with the place of every part, and its parts as values."""
