"""JSON Schemas: of fields, as they are read, and of rule files, as they are made."""
