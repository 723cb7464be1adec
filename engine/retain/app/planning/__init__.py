"""What an edit of the rules does to people: two rule sets over one past, and over what waits now."""
