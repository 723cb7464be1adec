"""The engine as it runs: the thread that writes, the way out, and what watches over both."""
