"""Every problem that `retain check` can report."""
