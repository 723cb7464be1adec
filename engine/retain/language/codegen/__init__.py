"""Conditions as generated Python."""
