"""A letter with pictures, and how it goes to a target: by e-mail, to a webhook, or to any service apprise knows."""

from __future__ import annotations

import base64
import smtplib
import ssl
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from storage.errors import FrontburnerError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tasks.notify_targets import Email, Target

TIMEOUT_S = 30.0
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}


@dataclass(kw_only=True, eq=False)
class NotificationFailed(FrontburnerError):
    """A letter that didn't reach its target. What it says holds no secret of the target's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """What is told, in every form a target may want.

    Parameters
    ----------
    text, html
        The same for people; the HTML shows its pictures by ``cid:NAME``.
    pictures
        JPEGs by their names.
    document
        The same for programs, as plain JSON values.
    """

    subject: str
    text: str
    html: str
    pictures: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    document: Mapping[str, Any] = field(default_factory=dict, repr=False)


def deliver(letter: Notification, name: str, target: Target) -> None:
    """Send a letter. Raises `NotificationFailed`."""
    if target.email is not None:
        _mail(letter, name, target.email)
    elif target.webhook is not None:
        _post(letter, name, target.webhook.get_secret_value())
    elif target.service is not None:
        _notify(letter, name, target.service.get_secret_value())


def message(letter: Notification, email: Email) -> EmailMessage:
    """Write a letter as an e-mail: text, and HTML with the pictures inside."""
    made = EmailMessage()
    made["Subject"] = letter.subject
    made["From"] = email.sender
    made["To"] = ", ".join(email.to)
    made["Date"] = formatdate(localtime=True)
    made["Message-ID"] = make_msgid(domain="frontburner.invalid")
    made.set_content(letter.text)
    made.add_alternative(letter.html, subtype="html")
    page = made.get_payload()[1]  # type: ignore[index]
    assert isinstance(page, EmailMessage)
    for name, jpeg in letter.pictures.items():
        page.add_related(jpeg, "image", "jpeg", cid=f"<{name}>", filename=f"{name}.jpg", disposition="inline")
    return made


def _mail(letter: Notification, name: str, email: Email) -> None:
    password = email.password.get_secret_value()
    if password and email.security == "none" and email.server not in _LOOPBACK:
        raise NotificationFailed(
            reason=f"{name}: the password would go to {email.server} for all to read.",
            remedy="Set security to starttls or tls in notify.yaml.",
        )
    context = ssl.create_default_context()
    try:
        server = (
            smtplib.SMTP_SSL(email.server, email.port, timeout=TIMEOUT_S, context=context)
            if email.security == "tls"
            else smtplib.SMTP(email.server, email.port, timeout=TIMEOUT_S)
        )
        with server:
            if email.security == "starttls":
                server.starttls(context=context)
            if email.user:
                server.login(email.user, password)
            server.send_message(message(letter, email))
    except smtplib.SMTPResponseException as error:
        raise NotificationFailed(
            reason=f"{name}: the mail server {email.server} refused it ({error.smtp_code}).",
            remedy="Correct user, password or addresses in notify.yaml.",
            retryable=400 <= error.smtp_code < 500,
        ) from None
    except (OSError, smtplib.SMTPException) as error:
        raise NotificationFailed(
            reason=f"{name}: the mail server {email.server} port {email.port} failed: {_said(error)}.",
            remedy="Correct server, port or security in notify.yaml, or try again later.",
            retryable=True,
        ) from None


def _post(letter: Notification, name: str, url: str) -> None:
    import httpx

    pictures = [
        {"name": f"{picture}.jpg", "type": "image/jpeg", "base64": base64.b64encode(jpeg).decode()}
        for picture, jpeg in letter.pictures.items()
    ]
    body = {"subject": letter.subject, "text": letter.text, **letter.document, "pictures": pictures}
    host = urlsplit(url).hostname
    try:
        answer = httpx.post(url, json=body, timeout=TIMEOUT_S)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise NotificationFailed(
            reason=f"{name}: {host} doesn't answer: {type(error).__name__}.",
            remedy="Correct its address in notify.yaml, or try again later.",
            retryable=True,
        ) from None
    if not answer.is_success:
        raise NotificationFailed(
            reason=f"{name}: {host} answered {answer.status_code}.",
            remedy="Correct its address in notify.yaml, or see its log.",
            retryable=answer.is_server_error,
        )


def _notify(letter: Notification, name: str, url: str) -> None:
    import apprise

    service = apprise.Apprise()
    kind = url.partition(":")[0]
    if not service.add(url):
        raise NotificationFailed(
            reason=f"{name}: its {kind} address is none that apprise knows.", remedy="Correct it in notify.yaml."
        )
    with TemporaryDirectory(prefix="frontburner-") as folder:
        files = []
        for picture, jpeg in letter.pictures.items():
            path = Path(folder) / f"{picture}.jpg"
            path.write_bytes(jpeg)
            files.append(str(path))
        if not service.notify(title=letter.subject, body=letter.text, attach=files or None):
            raise NotificationFailed(
                reason=f"{name}: the {kind} service didn't take it.",
                remedy="Correct its address in notify.yaml, or try again later.",
                retryable=True,
            )


def _said(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error or type(error).__name__).rstrip(".")
