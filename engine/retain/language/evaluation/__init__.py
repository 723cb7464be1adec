"""What a condition comes to: the reference, and the words that explain it."""
