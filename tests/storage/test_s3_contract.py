"""What `storage.s3` relies on in s3fs and fsspec without their documentation promising it: an upgrade may move it."""

from __future__ import annotations

import inspect

from fsspec.asyn import sync
from s3fs import S3FileSystem


def test_requests_can_be_made_by_their_names_in_boto() -> None:
    assert callable(getattr(S3FileSystem, "call_s3", None)), (
        "s3fs has no S3FileSystem.call_s3 any more: storage.s3 lists and deletes objects by it"
    )


def test_the_number_of_tries_can_be_set() -> None:
    assert isinstance(getattr(S3FileSystem, "retries", None), int), (
        "s3fs has no S3FileSystem.retries any more: storage.s3 limits the tries of each request by it"
    )


def test_a_call_takes_a_timeout() -> None:
    assert "timeout" in inspect.signature(sync).parameters, (
        "fsspec's sync() takes no timeout any more: storage.s3 limits the time of a write by it"
    )


def test_an_object_can_be_created_exclusively() -> None:
    assert "mode" in inspect.signature(S3FileSystem._pipe_file).parameters, (
        "s3fs's pipe_file() takes no mode any more: storage.s3 creates objects with mode='create'"
    )
