"""Alembic's entry: it runs the numbered steps on the connection that `storage.migrating` hands over."""

from alembic import context

from tillbridge.portal.storage.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    transaction_per_migration=False,
)
with context.begin_transaction():
    context.run_migrations()
