"""The database of set-up: its address without passwords, and whether it has users."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import URL, create_engine, make_url, select
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from portal import config, db
from portal.domain.identity import User

DEFAULT = "sqlite:///instance/portal.db"


def without_query_password(database_url: str) -> URL:
    """Return the URL without `?password=`. Raises ValueError if it is none."""
    try:
        return make_url(database_url).difference_update_query(["password", "sslpassword"])
    except (ArgumentError, ValueError) as error:
        raise ValueError("Database must be an address such as the default") from error


def sqlite_file(database_url: str) -> Path | None:
    """Return the file of an SQLite database; None for PostgreSQL."""
    prefix, _, path = database_url.partition("sqlite:///")
    return None if prefix or not path else config.ROOT / path


def first_user(database_url: str) -> str | None:
    """Return the address of the first operator, else of the first user; None if the database has
    no users, or can't be read. Creates no file."""
    parse = next(each.parse for each in config.SETTINGS if each.name == "DATABASE_URL")
    file = sqlite_file(database_url)
    if file is not None and not file.exists():
        return None
    try:
        url = f"sqlite:///{file}" if file else parse(database_url)
        engine = create_engine(url, **db.engine_options(url))
    except (SQLAlchemyError, ValueError):
        return None
    query = select(User.email).order_by(User.is_operator.desc(), User.id).limit(1)
    try:
        with engine.connect() as connection:
            return connection.scalar(query)
    except SQLAlchemyError:
        return None
    finally:
        engine.dispose()
