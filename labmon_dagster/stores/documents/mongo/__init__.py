"""MongoDB as a store of documents, with ledger and quarantine beside them."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime, timedelta

from labmon_dagster.stores.documents.mongo.address import Address
from labmon_dagster.stores.documents.mongo.books import Books
from labmon_dagster.stores.documents.mongo.collections import Collections
from labmon_dagster.stores.documents.mongo.server import Server

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class MongoDocuments(Collections, Books):
    """A `DocumentStore` in one database of a MongoDB. Several processes may write at once.

    ``url``: mongodb://USER@HOST/DATABASE, without the password, with pymongo's options
    (``tlsCAFile=FILE``: the certificates to trust in place of the system's).
    ``patience``: seconds the server may be away once it was there.
    Nothing is opened before it is used. Raises ValueError for a URL that names no database.
    """

    def __init__(self, url: str, password: str | None = None, *, patience: float = 30.0) -> None:
        address = Address.parse(url)
        if password and not address.user:
            raise ValueError("a password, but no user in the URL: write mongodb://USER@HOST/DATABASE")
        server = Server(address, password, patience)
        Collections.__init__(self, server)
        Books.__init__(self, server)

    def transaction(self) -> AbstractContextManager[None]:
        """Each writing is safe by itself; what is written is in order, data before the ledger."""
        return nullcontext()

    def clock(self) -> int | None:
        """The server's time (UTC ns), to the millisecond."""
        return (self.server.now() - _EPOCH) // timedelta(milliseconds=1) * 1_000_000

    def close(self) -> None:
        """Close the connections of this process."""
        self.server.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.server.address.shown!r})"
