"""What reads well and is doubtful all the same: warnings that take a whole rule, or all of them, to see."""
