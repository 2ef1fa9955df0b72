"""Objects in an S3 bucket. Credentials come from the environment, never from an address or a pickle."""

from __future__ import annotations

import os
import re
import secrets
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from storage.errors import StoreError
from storage.objects import Entry, check_key, check_new_key, verify_store
from storage.s3_errors import already_exists, is_missing, s3_failures, translate_s3_errors

if TYPE_CHECKING:
    from collections.abc import Iterator

_WRITER = "frontburner-writer"
_CONNECT_TIMEOUT_S = 5
_CHECK_TIMEOUT_S = 8.0
_TRIES = 2
_MIN_BYTES_PER_S = 64_000
_BUCKET = re.compile(r"[A-Za-z0-9._-]{1,255}")


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Store:
    """An object store in a bucket of Amazon S3 or of a server that speaks its protocol.

    Reads ``AWS_ACCESS_KEY_ID``, ``AWS_SECRET_ACCESS_KEY``, ``AWS_SESSION_TOKEN``, ``AWS_ENDPOINT_URL_S3`` or
    ``AWS_ENDPOINT_URL``, and ``AWS_REGION`` or ``AWS_DEFAULT_REGION`` whenever it is used; also ``AWS_CA_BUNDLE``, the
    authority that certified the server, and ``FRONTBURNER_STORE_CERTIFICATE`` and ``FRONTBURNER_STORE_KEY``, files of
    the client certificate for a server that asks for one (mutual TLS).

    Every creation carries a unique token. When a reply is lost, the request is sent again and then finds an
    object; the token on that object tells whether this store created it (``create`` returns True) or another.

    Parameters
    ----------
    bucket
        Name of the bucket, which must exist.
    prefix
        Folder inside the bucket; empty for all of it.
    read_timeout_s
        Seconds without data after which a connection times out. Requests are retried, so that a write fails after
        twice and a read after four times as long.
    """

    bucket: str
    prefix: str = ""
    read_timeout_s: float = 30.0

    @classmethod
    def at(cls, url: str) -> S3Store:
        """Store at ``s3://bucket/prefix``."""
        bucket, _, prefix = url.removeprefix("s3://").partition("/")
        prefix = prefix.rstrip("/")
        if not _BUCKET.fullmatch(bucket):
            # The address may contain a secret that was meant for the environment: don't repeat it.
            raise StoreError(
                reason="The address of an S3 store must be s3://bucket or s3://bucket/prefix.",
                remedy="Put the credentials and the endpoint into AWS_* environment variables.",
                url="s3://",
            )
        if prefix:
            check_key(prefix, url=url)
        return cls(bucket=bucket, prefix=prefix)

    @property
    def url(self) -> str:
        """The store's ``s3://`` address."""
        return f"s3://{self.bucket}/{self.prefix}".rstrip("/")

    def create(self, key: str, data: bytes) -> bool:
        """Store an object unless there is one already."""
        path, writer = self._path(check_new_key(key, url=self.url)), secrets.token_hex(16)
        with self._connected(key) as s3:
            try:
                s3.pipe_file(path, data, mode="create", Metadata={_WRITER: writer}, timeout=self._write_timeout_s(data))
            except s3_failures() as error:
                if not already_exists(error):
                    raise
                return _is_written_by(writer, s3, path)
            return True

    def write(self, key: str, data: bytes) -> None:
        """Store an object, replacing whatever was there."""
        path = self._path(check_new_key(key, url=self.url))
        with self._connected(key) as s3:
            s3.pipe_file(path, data, timeout=self._write_timeout_s(data))

    def read(self, key: str) -> bytes:
        """All bytes of an object."""
        path = self._path(key)
        with self._connected(key) as s3:
            return bytes(s3.cat_file(path, max_concurrency=1))

    def exists(self, key: str) -> bool:
        """Whether there is an object under this key."""
        path = self._path(key)
        with self._connected(key) as s3:
            try:
                s3.metadata(path)
            except FileNotFoundError as error:
                if not is_missing(error):
                    raise
                return False
            return True

    def list(self, prefix: str = "") -> Iterator[str]:
        """Keys that start with this prefix, sorted."""
        return (entry.key for entry in self.entries(prefix))

    def entries(self, prefix: str = "") -> Iterator[Entry]:
        """Keys that start with this prefix, sorted, with sizes and times."""
        if folder := prefix.rpartition("/")[0]:
            check_key(folder, url=self.url)
        root = f"{self.prefix}/" if self.prefix else ""
        with self._connected(prefix) as s3:
            found = [
                Entry(
                    key=item["Key"].removeprefix(root),
                    size_bytes=item["Size"],
                    modified_s=item["LastModified"].timestamp(),
                )
                for item in _list_objects(s3, self.bucket, root + prefix)
            ]
        return iter(sorted((entry for entry in found if not entry.key.endswith("/")), key=lambda entry: entry.key))

    def delete(self, key: str) -> None:
        """Remove an object, or do nothing if there is none."""
        path = self._path(key)
        with self._connected(key) as s3:
            s3.call_s3("delete_object", Bucket=self.bucket, Key=path.partition("/")[2])

    def locate(self, key: str) -> str:
        """``s3://`` address of an object."""
        return f"s3://{self._path(key)}"

    def check(self) -> None:
        """Check that objects can be created, read and deleted."""
        verify_store(replace(self, read_timeout_s=_CHECK_TIMEOUT_S))

    def _write_timeout_s(self, data: bytes) -> float:
        """Seconds a write may take."""
        # While a write waits for the server's 100 Continue, no other timeout is running.
        return _TRIES * self.read_timeout_s + len(data) / _MIN_BYTES_PER_S

    def _path(self, key: str) -> str:
        check_key(key, url=self.url)
        return f"{self.url}/{key}".removeprefix("s3://")

    @contextmanager
    def _connected(self, key: str) -> Iterator[Any]:
        """File system for one key, with its errors translated."""
        credentials = _Credentials.from_environment(self.url)
        with translate_s3_errors(url=self.url, key=key, bucket=self.bucket, endpoint=credentials.endpoint):
            yield _connections.get(credentials, read_timeout_s=self.read_timeout_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Credentials:
    """Address of the server, and credentials."""

    key: str = field(repr=False)
    secret: str = field(repr=False)
    token: str | None = field(repr=False)
    endpoint: str | None
    region: str | None
    certificate: tuple[str, str] | None = None

    @classmethod
    def from_environment(cls, url: str) -> _Credentials:
        """Read the AWS variables."""
        key, secret = os.environ.get("AWS_ACCESS_KEY_ID"), os.environ.get("AWS_SECRET_ACCESS_KEY")
        certificate, private_key = (os.environ.get(f"FRONTBURNER_STORE_{name}") for name in ("CERTIFICATE", "KEY"))
        if not key or not secret:
            raise StoreError(
                reason=f"There are no credentials for {url}.",
                remedy="Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY where this process is started.",
                url=url,
            )
        return cls(
            key=key,
            secret=secret,
            token=os.environ.get("AWS_SESSION_TOKEN") or None,
            endpoint=os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or None,
            region=os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or None,
            certificate=(certificate, private_key) if certificate and private_key else None,
        )


class _Connections:
    """Connections to each server, shared by all stores and threads of a process. They don't survive a fork."""

    def __init__(self) -> None:
        self.forget()
        if hasattr(os, "register_at_fork"):  # nothing forks on Windows
            os.register_at_fork(after_in_child=self.forget)

    def forget(self) -> None:
        """Drop all connections, even if a thread of the parent held the lock when the process was forked."""
        self._lock = threading.Lock()
        self._open: dict[tuple[_Credentials, float], Any] = {}

    def get(self, credentials: _Credentials, *, read_timeout_s: float) -> Any:  # noqa: ANN401 - s3fs has no types
        """Return the connections to this server, opened when first asked for."""
        with self._lock:
            if (credentials, read_timeout_s) not in self._open:
                self._open[credentials, read_timeout_s] = _connect(credentials, read_timeout_s=read_timeout_s)
            return self._open[credentials, read_timeout_s]


_connections = _Connections()


def _connect(credentials: _Credentials, *, read_timeout_s: float) -> Any:  # noqa: ANN401 - s3fs has no types
    # s3fs takes a third of a second to import, which stores on a disk don't need.
    from s3fs import S3FileSystem

    s3 = S3FileSystem(
        key=credentials.key,
        secret=credentials.secret,
        token=credentials.token,
        endpoint_url=credentials.endpoint,
        client_kwargs={"region_name": credentials.region or "us-east-1"},
        config_kwargs={
            "connect_timeout": _CONNECT_TIMEOUT_S,
            "read_timeout": read_timeout_s,
            "retries": {"total_max_attempts": 1},
            "max_pool_connections": 32,
            **({"client_cert": credentials.certificate} if credentials.certificate else {}),
        },
        use_listings_cache=False,
        skip_instance_cache=True,
    )
    s3.retries = _TRIES
    return s3


def _is_written_by(writer: str, s3: Any, path: str) -> bool:  # noqa: ANN401 - s3fs has no types
    """Whether an object carries this token; one that is gone again was another writer's."""
    try:
        return bool(s3.metadata(path).get(_WRITER) == writer)
    except FileNotFoundError:
        return False


def _list_objects(s3: Any, bucket: str, prefix: str) -> Iterator[dict[str, Any]]:  # noqa: ANN401 - s3fs has no types
    """Listing items of all objects of a bucket whose keys start with this prefix."""
    page: dict[str, Any] = {"IsTruncated": True}
    while page["IsTruncated"]:
        token = page.get("NextContinuationToken")
        resume = {"ContinuationToken": token} if token else {}
        page = s3.call_s3("list_objects_v2", Bucket=bucket, Prefix=prefix, **resume)
        yield from page.get("Contents", ())
