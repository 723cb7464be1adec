"""retain.yaml: its keys, how it is read, and its secrets."""
