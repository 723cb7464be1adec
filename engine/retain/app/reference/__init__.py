"""What can be looked up by name, and the pages made of it."""
