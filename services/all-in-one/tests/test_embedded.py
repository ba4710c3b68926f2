from pathlib import Path

from all_in_one.environment import OWNERS, environment, migrate_all
from localservers.postgres import embedded_binaries, postgres


def test_every_service_works_on_the_embedded_postgresql(tmp_path: Path) -> None:
    """It is built with less than installed ones are: without ICU, pgcrypto or lz4."""
    with postgres(tmp_path / "postgres", durable=False, binaries=embedded_binaries()) as server:
        migrate_all(environment(tmp_path, server, {owner: f"unix:{tmp_path}/{owner}" for owner in OWNERS}))
