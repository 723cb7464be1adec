"""Released effects to plugins and their results back. I/O and nothing else."""
