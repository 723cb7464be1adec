"""Pure decisions: which rules start, how one run advances, what may be sent, and why."""
