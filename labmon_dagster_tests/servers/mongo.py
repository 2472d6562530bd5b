"""mongod as the tests' MongoDB: a replica set of one, so that sessions and transactions work too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.errors import PyMongoError

from labmon_dagster_tests.servers import found
from labmon_dagster_tests.servers.process import HOST, Server

_SET = "rs0"
_PARAMETERS = {
    "diagnosticDataCollectionEnabled": "false",
    "shutdownTimeoutMillisForSignaledShutdown": "100",
}


class Mongod(Server):
    """A MongoDB of the tests' own."""

    def __init__(self, folder: Path, *, file_limit: int | None = None) -> None:
        super().__init__(folder, file_limit=file_limit)
        self._binary = found.mongod()

    @property
    def url(self) -> str:
        """Where it takes requests; after a restart clients wait until it is the primary again."""
        return f"mongodb://{HOST}:{self.port}/?replicaSet={_SET}"

    def command(self) -> list[str]:
        data = self.folder / "data"
        data.mkdir(exist_ok=True)
        parameters = [word for item in _PARAMETERS.items() for word in ("--setParameter", "=".join(item))]
        return [
            *(str(self._binary), "--dbpath", str(data), "--bind_ip", HOST, "--port", str(self.port)),
            *("--nounixsocket", "--replSet", _SET, "--wiredTigerCacheSizeGB", "0.25"),
            *("--oplogSize", "64", "--quiet", *parameters),
        ]

    def ready(self) -> bool:
        address = f"mongodb://{HOST}:{self.port}/?directConnection=true"
        try:
            with MongoClient[dict[str, Any]](address, serverSelectionTimeoutMS=1000) as client:
                return self._is_primary(client)
        except PyMongoError:
            return False

    def _is_primary(self, client: MongoClient[dict[str, Any]]) -> bool:
        hello = client.admin.command("hello")
        if not hello.get("setName"):
            member = {"_id": 0, "host": f"{HOST}:{self.port}"}
            client.admin.command("replSetInitiate", {"_id": _SET, "members": [member]})
        return bool(hello["isWritablePrimary"])
