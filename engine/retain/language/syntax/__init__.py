"""How a condition is written: text to tree."""
