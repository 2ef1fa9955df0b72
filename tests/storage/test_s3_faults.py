"""S3 servers that refuse, fail or vanish: one clear error each, and never a secret in it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from threading import Event, Lock
from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import ClientError, SSLError

from storage.errors import MissingObject, StoreError
from storage.s3 import S3Store, _Credentials
from storage.s3_errors import translate_s3_errors
from system.processes import KILLED
from tests.end_to_end.conftest import TIMEOUT_S
from tests.storage.proxy import proxy

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from storage.objects import ObjectStore

REPOSITORY = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("AWS_SECRET_ACCESS_KEY", "not-the-secret", r"secret key is wrong\. Check AWS_SECRET_ACCESS_KEY"),
        ("AWS_ACCESS_KEY_ID", "stranger", r"doesn't know the access key\. Check AWS_ACCESS_KEY_ID"),
        ("AWS_SECRET_ACCESS_KEY", "", r"no credentials for s3://.* Set AWS_ACCESS_KEY_ID"),
    ],
)
def test_wrong_credentials(
    s3_store: ObjectStore, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, words: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(StoreError, match=words) as caught:
        s3_store.check()
    assert not caught.value.retryable
    assert "secret" not in str(caught.value).replace("secret key", "")
    for use in (s3_store.read, s3_store.exists, s3_store.delete):
        with pytest.raises(StoreError) as other:
            use("a")
        assert not isinstance(other.value, MissingObject)


def test_no_such_bucket(s3_store: ObjectStore) -> None:
    store = S3Store.at("s3://no-such-bucket/job")
    with pytest.raises(StoreError, match=r"no bucket 'no-such-bucket' on the S3 server at http.*Create it"):
        store.check()
    with pytest.raises(StoreError, match="no bucket"):
        store.list()
    with pytest.raises(StoreError, match="no bucket") as caught:
        store.read("a")
    assert not isinstance(caught.value, MissingObject)


@pytest.mark.parametrize(
    ("endpoint", "words"),
    [
        ("http://127.0.0.1:9", "Can't connect to the S3 server at http://127.0.0.1:9"),
        ("http://nowhere.invalid:8333", "Can't connect .* AWS_ENDPOINT_URL"),
        ("127.0.0.1:8333", "not a valid one"),
    ],
)
def test_no_server(s3_store: ObjectStore, monkeypatch: pytest.MonkeyPatch, endpoint: str, words: str) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    with pytest.raises(StoreError, match=words):
        s3_store.check()


@pytest.mark.parametrize("method", ["create", "write", "read", "exists", "list"])
def test_a_silent_server(s3_store: S3Store, monkeypatch: pytest.MonkeyPatch, method: str) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=64) as silent:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{silent.getsockname()[1]}")
        hasty = replace(s3_store, read_timeout_s=0.2)
        arguments = ("a", b"data") if method in ("create", "write") else ("a",)
        with pytest.raises(StoreError, match=r"stopped answering\. Check its load") as caught:
            getattr(hasty, method)(*arguments)
        assert caught.value.retryable


def test_a_lost_reply_is_no_lost_race(
    s3_store: ObjectStore, s3_server: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    lost = Event()
    only_once = Lock()

    def lose_the_first(connection: int, data: bytes) -> bool:
        """Cut the connection at the first full answer; a leave to continue is none."""
        with only_once:
            if lost.is_set() or data.startswith(b"HTTP/1.1 100"):
                return True
            lost.set()
            return False

    with proxy(s3_server["AWS_ENDPOINT_URL"], reply=lose_the_first) as relay:
        monkeypatch.setenv("AWS_ENDPOINT_URL", relay)
        assert s3_store.create("a", b"mine")
        assert lost.is_set()
        assert not s3_store.create("a", b"mine")
        assert s3_store.read("a") == b"mine"


def test_a_killed_writer_leaves_no_object(s3_store: ObjectStore, s3_server: dict[str, str]) -> None:
    size = 8_000_000
    midway = Event()
    seen = 0

    def hold_midway(connection: int, data: bytes) -> bool:
        nonlocal seen
        seen += len(data)
        if seen < size // 2:
            return True
        midway.set()
        return False

    script = "import sys; from storage.s3 import S3Store; S3Store.at(sys.argv[1]).create('a', bytes(8_000_000))"
    with proxy(s3_server["AWS_ENDPOINT_URL"], request=hold_midway) as relay:
        command = [sys.executable, "-c", script, s3_store.url]
        environment = {**os.environ, "AWS_ENDPOINT_URL": relay}
        with subprocess.Popen(command, cwd=REPOSITORY, env=environment, stderr=subprocess.DEVNULL) as writer:
            assert midway.wait(TIMEOUT_S)
            writer.kill()
            assert writer.wait() == KILLED
    assert list(s3_store.list()) == []
    assert not s3_store.exists("a")
    assert s3_store.create("a", b"1")


@pytest.mark.parametrize(
    ("code", "status", "words", "retryable"),
    [
        ("AccessDenied", 403, "refuses access to the bucket 'farm'", False),
        ("403", 403, "refuses access", False),
        ("ExpiredToken", 400, "have expired", False),
        ("InsufficientStorage", 507, "no space left", False),
        ("", 507, "no space left", False),
        ("QuotaExceeded", 403, "no space left", False),
        ("XMinioStorageFull", 507, "no space left", False),
        ("PermanentRedirect", 301, "AWS_REGION", False),
        ("RequestTimeTooSkewed", 403, "clock", False),
        ("NotImplemented", 501, "can't create objects exclusively", False),
        ("SlowDown", 503, "too busy", True),
        ("InternalError", 500, "too busy or in trouble", True),
        ("ConditionalRequestConflict", 409, "too busy", True),
        ("TeaPot", 418, "refused a request .*TeaPot", False),
    ],
)
def test_every_answer_has_words(code: str, status: int, words: str, *, retryable: bool) -> None:
    answer = {"Error": {"Code": code, "Message": "?"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    with pytest.raises(StoreError, match=words) as caught, translated():
        # As s3fs does: an OSError, caused by the answer.
        raise OSError(5, "?") from ClientError(answer, "PutObject")
    assert caught.value.retryable == retryable
    assert caught.value.remedy


def test_other_failures_have_words_too() -> None:
    with pytest.raises(StoreError, match="certificate"), translated():
        raise SSLError(endpoint_url="https://s3", error=OSError("?"))
    with pytest.raises(StoreError, match="connect"), translated():
        raise ConnectionResetError


def translated() -> AbstractContextManager[None]:
    return translate_s3_errors(url="s3://farm/x", key="k", bucket="farm", endpoint="http://s3:8333")


def test_credentials_are_not_shown(s3_store: ObjectStore) -> None:
    assert "secret" not in repr(_Credentials.from_environment(s3_store.url))
    assert "secret" not in repr(s3_store)
