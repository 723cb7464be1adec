"""What alembic runs the steps in: the connection and transaction that `retain.store.migrate` opened."""

from alembic import context

from retain.store.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, render_as_batch=True)
context.run_migrations()
