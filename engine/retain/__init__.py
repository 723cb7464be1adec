"""Retain runs customer-lifecycle automation written as YAML rules."""

__version__ = "0.1.0"
