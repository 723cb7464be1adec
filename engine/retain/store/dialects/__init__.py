"""Everything that differs between databases, named by capability: one module for each database."""
