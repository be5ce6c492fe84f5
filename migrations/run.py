"""Run Alembic against a database URL from code: the command line, the supervisor and the tests all come through here."""

from pathlib import Path

from alembic import command
from alembic.config import Config


def configuration(url: str) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.attributes["url"] = url
    return config


def upgrade(url: str, revision: str = "head") -> None:
    """Two at once are safe: the second waits for the first and finds nothing to do."""
    command.upgrade(configuration(url), revision)


def downgrade(url: str, revision: str = "base") -> None:
    command.downgrade(configuration(url), revision)


def check(url: str) -> None:
    """Raises ``alembic.util.CommandError`` when the models have something that no migration makes."""
    command.check(configuration(url))
