"""What is valid and hardly meant: warnings that take a whole rule, or all of them, to see."""
