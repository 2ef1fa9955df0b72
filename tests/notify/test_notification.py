"""A notification reaches its targets with its pictures, and their secrets get nowhere else."""

from __future__ import annotations

import base64
import io
import json
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from tasks.notification import Notification, NotificationFailed, deliver
from tasks.notify_targets import Occasion, UnknownTarget, read_targets
from tasks.picture.contact_sheet import jpeg_of
from tests.notify.receivers import PASSWORD, TOKEN

if TYPE_CHECKING:
    from tests.notify.receivers import Receivers

JPEG = jpeg_of(np.full((90, 160, 3), 200, np.uint8), max_px=720)
NOTIFICATION = Notification(
    subject="walk: done – küche",
    text="48 frames",
    html='<p>48 frames</p><img src="cid:picture-1">',
    pictures={"picture-1": JPEG},
    document={"jobs": [{"title": "walk"}]},
)


def send(receivers: Receivers, *names: str) -> None:
    for name, target in read_targets(receivers.home, names).items():
        deliver(NOTIFICATION, name, target)


def test_mail_has_text_and_a_page_with_the_picture_inside(receivers: Receivers) -> None:
    receivers.describe()
    send(receivers, "studio")
    (mail,) = receivers.mails
    assert (mail["Subject"], mail["To"]) == (NOTIFICATION.subject, "lead@studio.test")
    text, page = mail.get_body(("plain",)), mail.get_body(("html",))
    assert text is not None
    assert page is not None
    assert text.get_content().strip() == "48 frames"
    assert "cid:picture-1" in page.get_content()
    (picture,) = (part for part in mail.walk() if part.get_content_type() == "image/jpeg")
    assert picture["Content-ID"] == "<picture-1>"
    assert Image.open(io.BytesIO(picture.get_payload(decode=True))).size == (160, 90)  # type: ignore[arg-type]


def test_a_webhook_gets_values_and_the_picture(receivers: Receivers) -> None:
    receivers.describe()
    send(receivers, "hook")
    (body,) = receivers.hooks
    assert body["subject"] == NOTIFICATION.subject
    assert body["jobs"] == [{"title": "walk"}]
    assert base64.b64decode(body["pictures"][0]["base64"]) == JPEG


@pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")
def test_any_service_apprise_knows_gets_text_and_picture(receivers: Receivers) -> None:
    receivers.describe(other={"service": f"json://127.0.0.1:{receivers.http_port}/x?-token={TOKEN}&token={TOKEN}"})
    receivers.status = 200
    send(receivers, "other")  # its own form of body: that it was taken is what counts
    receivers.status = 500
    with pytest.raises(NotificationFailed, match="the json service didn't accept the notification"):
        send(receivers, "other")


@pytest.mark.parametrize(("name", "fault"), [("studio", "mail server 127.0.0.1"), ("hook", "answered 403")])
def test_errors_hold_no_secret(name: str, fault: str, receivers: Receivers) -> None:
    receivers.describe()
    receivers.status = 403
    text = (receivers.home / "notify.yaml").read_text().replace(PASSWORD, "wrong-" + PASSWORD)
    (receivers.home / "notify.yaml").write_text(text)
    with pytest.raises(NotificationFailed, match=fault) as caught:
        send(receivers, name)
    shown = f"{caught.value!r} {caught.value} {read_targets(receivers.home, [name])!r}"
    assert PASSWORD not in shown
    assert TOKEN not in shown


def test_an_unreachable_server_is_retryable(receivers: Receivers) -> None:
    receivers.smtp_port = receivers.http_port = 1
    receivers.describe()
    for name in ("studio", "hook"):
        with pytest.raises(NotificationFailed) as caught:
            send(receivers, name)
        assert caught.value.retryable


def test_secrets_may_come_from_the_environment(receivers: Receivers, monkeypatch: pytest.MonkeyPatch) -> None:
    receivers.describe(env={"webhook": "$HOOK_URL", "on": ["failed"]})
    with pytest.raises(UnknownTarget, match="the environment has no HOOK_URL"):
        read_targets(receivers.home, ["env"])
    monkeypatch.setenv("HOOK_URL", f"http://127.0.0.1:{receivers.http_port}/?token={TOKEN}")
    assert read_targets(receivers.home, ["env"])["env"].on == [Occasion.FAILED]
    send(receivers, "env")
    assert len(receivers.hooks) == 1


def test_an_unknown_target_is_refused_with_those_there_are(receivers: Receivers) -> None:
    receivers.describe()
    with pytest.raises(UnknownTarget, match=r"there is no target 'nobody' in .*; it has hook, studio\."):
        read_targets(receivers.home, ["studio", "nobody"])
    assert read_targets(receivers.home / "elsewhere", []) == {}


@pytest.mark.skipif(sys.platform == "win32", reason="files have no modes there")
def test_a_file_others_may_read_is_refused(receivers: Receivers) -> None:
    receivers.describe()
    (receivers.home / "notify.yaml").chmod(0o644)
    with pytest.raises(UnknownTarget, match=r"others may read .*chmod 600"):
        read_targets(receivers.home, ["studio"])


@pytest.mark.parametrize(
    ("described", "fault"),
    [
        ({"email": {"to": [], "from": "a@b", "server": "c"}}, "email.to: List should have at least 1 item"),
        ({"webhook": "http://x", "service": "json://y"}, "must have one of email, webhook and service"),
        ({}, "must have one of email, webhook and service"),
        ({"webhook": "http://x", "on": ["never"]}, "on.0: Input should be 'done', 'flagged' or 'failed'"),
        ({"email": {"to": ["a@b"], "from": "a", "server": "c", "passwort": PASSWORD}}, "email.passwort: Extra inputs"),
    ],
)
def test_an_invalid_target_is_refused_with_its_fault(described: object, fault: str, receivers: Receivers) -> None:
    receivers.describe(odd=described)
    with pytest.raises(UnknownTarget) as caught:
        read_targets(receivers.home, ["odd"])
    assert fault in str(caught.value)
    assert PASSWORD not in str(caught.value)


def test_a_password_never_goes_over_the_net_unencrypted(receivers: Receivers) -> None:
    mail = {"to": ["a@b"], "from": "a@b", "server": "mail.studio.test", "security": "none", "password": PASSWORD}
    receivers.describe(open={"email": mail})
    with pytest.raises(NotificationFailed, match="unencrypted"):
        send(receivers, "open")


def test_the_document_of_a_notification_is_plain_json() -> None:
    assert json.loads(json.dumps(dict(NOTIFICATION.document))) == NOTIFICATION.document
