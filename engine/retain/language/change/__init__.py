"""When a condition can change because time passes and nothing else."""
