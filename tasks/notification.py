"""Notifications with pictures, sent by e-mail, to a webhook, or to any service apprise knows."""

from __future__ import annotations

import base64
import smtplib
import ssl
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from storage.errors import FrontburnerError
from system.files import temporary_folder

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tasks.notify_targets import Email, Target

TIMEOUT_S = 30.0
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}


@dataclass(kw_only=True, eq=False)
class NotificationFailed(FrontburnerError):
    """A notification didn't reach its target. The error holds no secret of the target's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """A notification in every form a target may want.

    Parameters
    ----------
    text, html
        The message for people; the HTML shows its pictures by ``cid:NAME``.
    pictures
        JPEGs by their names.
    document
        The message for programs, as plain JSON values.
    """

    subject: str
    text: str
    html: str
    pictures: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    document: Mapping[str, Any] = field(default_factory=dict, repr=False)


def deliver(notification: Notification, name: str, target: Target) -> None:
    """Send a notification. Raises `NotificationFailed`."""
    if target.email is not None:
        _mail(notification, name, target.email)
    elif target.webhook is not None:
        _post(notification, name, target.webhook.get_secret_value())
    elif target.service is not None:
        _notify(notification, name, target.service.get_secret_value())


def as_email(notification: Notification, email: Email) -> EmailMessage:
    """Return a notification as an e-mail: text, and HTML with the pictures inside."""
    message = EmailMessage()
    message["Subject"] = notification.subject
    message["From"] = email.sender
    message["To"] = ", ".join(email.to)
    message["Date"] = formatdate(localtime=True)
    message["Message-ID"] = make_msgid(domain="frontburner.invalid")
    message.set_content(notification.text)
    message.add_alternative(notification.html, subtype="html")
    page = message.get_payload()[1]  # type: ignore[index]
    assert isinstance(page, EmailMessage)
    for name, jpeg in notification.pictures.items():
        page.add_related(jpeg, "image", "jpeg", cid=f"<{name}>", filename=f"{name}.jpg", disposition="inline")
    return message


def _mail(notification: Notification, name: str, email: Email) -> None:
    password = email.password.get_secret_value()
    if password and email.security == "none" and email.server not in _LOOPBACK:
        raise NotificationFailed(
            reason=f"{name}: the password would be sent to {email.server} unencrypted.",
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
            server.send_message(as_email(notification, email))
    except smtplib.SMTPResponseException as error:
        raise NotificationFailed(
            reason=f"{name}: the mail server {email.server} refused the message ({error.smtp_code}).",
            remedy="Correct user, password or addresses in notify.yaml.",
            retryable=400 <= error.smtp_code < 500,
        ) from None
    except (OSError, smtplib.SMTPException) as error:
        raise NotificationFailed(
            reason=f"{name}: the mail server {email.server} port {email.port} failed: {_error_text(error)}.",
            remedy="Correct server, port or security in notify.yaml, or try again later.",
            retryable=True,
        ) from None


def _post(notification: Notification, name: str, url: str) -> None:
    import httpx

    pictures = [
        {"name": f"{picture}.jpg", "type": "image/jpeg", "base64": base64.b64encode(jpeg).decode()}
        for picture, jpeg in notification.pictures.items()
    ]
    body = {"subject": notification.subject, "text": notification.text, **notification.document, "pictures": pictures}
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


def _notify(notification: Notification, name: str, url: str) -> None:
    import apprise

    service = apprise.Apprise()
    kind = url.partition(":")[0]
    if not service.add(url):
        raise NotificationFailed(
            reason=f"{name}: apprise doesn't know its {kind} address.", remedy="Correct it in notify.yaml."
        )
    with temporary_folder() as folder:
        files = []
        for picture, jpeg in notification.pictures.items():
            path = folder / f"{picture}.jpg"
            path.write_bytes(jpeg)
            files.append(str(path))
        if not service.notify(title=notification.subject, body=notification.text, attach=files or None):
            raise NotificationFailed(
                reason=f"{name}: the {kind} service didn't accept the notification.",
                remedy="Correct its address in notify.yaml, or try again later.",
                retryable=True,
            )


def _error_text(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error or type(error).__name__).rstrip(".")
