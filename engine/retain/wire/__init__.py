"""What comes from outside, to messages: the Segment API, and CSV with a mapping."""
