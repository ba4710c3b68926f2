"""Bringing a database to the newest version. Apart from database.py, since no running process needs Alembic."""

from importlib.resources import files
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine, text


def migrate(url: str, package: str) -> None:
    """Brings a database to the newest migration of a service; `package` is its Python package.

    Serialised by an advisory lock, so that replicas may start together.
    """
    engine = create_engine(url)
    with engine.connect() as connection:
        connection.execute(text("SELECT pg_advisory_lock(724001)"))
        connection.commit()
        config = Config()
        config.set_main_option("script_location", str(Path(str(files("servicekit"))) / "alembic"))
        config.set_main_option("path_separator", "os")
        config.set_main_option("version_locations", str(migrations_of(package)))
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        connection.commit()
    engine.dispose()


def migrations_of(package: str) -> Path:
    return Path(str(files(package))) / "migrations"
