"""Submit a job to a farm through its gateway, as the user who is logged in."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Any

import httpx

from frontburner.jobs.job import JobRefused
from storage.errors import FrontburnerError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from frontburner.credentials.membership import Membership

TIMEOUT_S = 60.0


def submit_through_gateway(member: Membership, document: Mapping[str, Any]) -> dict[str, str]:
    """Submit a job document; returns the identity of the job and of its flow run.

    Raises
    ------
    JobRefused
        When the document has errors, which are named by field.
    FrontburnerError
        When the farm can't be reached, or the user may not submit.
    """
    context = ssl.create_default_context(cafile=str(member.files.authority))
    headers = {"authorization": f"Bearer {member.token}"}
    try:
        with httpx.Client(verify=context, trust_env=False, timeout=TIMEOUT_S) as client:
            response = client.post(f"{member.gateway}/jobs", json=dict(document), headers=headers)
        body = response.json()
        if response.is_success:
            return {"job": str(body["job"]), "flow_run": str(body["flow_run"])}
        reason, remedy, problems = body["reason"], body.get("remedy", ""), tuple(map(str, body.get("problems", ())))
    except httpx.HTTPError as error:
        raise FrontburnerError(
            reason=f"{member.gateway} doesn't answer: {error or type(error).__name__}.",
            remedy="Check the network, and that `frontburner farm up` runs on the manager.",
            retryable=True,
        ) from None
    except (ValueError, LookupError, TypeError):
        raise FrontburnerError(
            reason=f"{member.gateway} answered {response.status_code}, but not as a gateway does.",
            remedy="See the log of its gateway: frontburner farm logs gateway.",
        ) from None
    if problems:
        raise JobRefused(reason=reason, remedy="", problems=problems)
    raise FrontburnerError(
        reason=reason, remedy=remedy, retryable=response.status_code >= httpx.codes.TOO_MANY_REQUESTS
    )
