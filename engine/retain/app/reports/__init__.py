"""What people ask, and the answers as plain values."""
