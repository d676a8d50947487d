"""Runs the migrations inside the application: `flask db upgrade`, `flask db downgrade`."""

from alembic import context
from flask import current_app
from sqlalchemy import Connection

from migrations.rebuilt import keep_triggers
from portal import db
from portal.cli.unavailable import explained


def check_sqlite(connection: Connection) -> None:
    """With foreign keys off nothing was held; so everything is looked at before the commit."""
    broken = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall()
    if broken:
        raise RuntimeError(f"the migration leaves rows that refer to nothing: {broken[:5]}")


def run() -> None:
    engine = current_app.extensions["migrate"].db.engine
    is_sqlite = engine.dialect.name == "sqlite"
    options = {} if is_sqlite else {"wait_ms": 0}  # wait for locks as long as it takes
    with engine.connect().execution_options(writing=True, **options) as connection:
        if is_sqlite:
            # Batch mode rebuilds tables, which needs them off; it can only be said outside a
            # transaction.
            connection.connection.driver_connection.execute("PRAGMA foreign_keys=OFF")
            keep_triggers(connection)
        context.configure(
            connection=connection,
            target_metadata=db.Base.metadata,
            render_as_batch=is_sqlite,
            transaction_per_migration=False,
            transactional_ddl=True,  # our transactions on SQLite hold DDL, too; Alembic assumes not
        )
        try:
            with context.begin_transaction():
                context.run_migrations()
                if is_sqlite:
                    check_sqlite(connection)
        finally:
            if is_sqlite:
                connection.connection.driver_connection.execute("PRAGMA foreign_keys=ON")


with explained(is_writing=True):
    run()
