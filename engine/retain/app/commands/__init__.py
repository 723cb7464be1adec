"""What people change: by hand, through the daemon or without one."""
