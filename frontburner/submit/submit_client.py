"""A job handed to a farm through its gateway, by whoever is logged in: the farm renders, and this machine may go."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Any

import httpx

from frontburner.jobs.job import JobRefused
from storage.errors import FrontburnerError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from frontburner.credentials.membership import Membership

ANSWER_S = 60.0


def submit_through_gateway(member: Membership, document: Mapping[str, Any]) -> dict[str, str]:
    """Give a job document to the farm; returns what the job and its run are called there.

    Raises
    ------
    JobRefused
        When the farm finds something wrong with the document, field by field.
    FrontburnerError
        When the farm isn't there, or doesn't let whoever is logged in submit.
    """
    trusted = ssl.create_default_context(cafile=str(member.files.authority))
    headers = {"authorization": f"Bearer {member.token}"}
    try:
        with httpx.Client(verify=trusted, trust_env=False, timeout=ANSWER_S) as client:
            answer = client.post(f"{member.gateway}/jobs", json=dict(document), headers=headers)
        told = answer.json()
        if answer.is_success:
            return {"job": str(told["job"]), "flow_run": str(told["flow_run"])}
        reason, remedy, problems = told["reason"], told.get("remedy", ""), tuple(map(str, told.get("problems", ())))
    except httpx.HTTPError as error:
        raise FrontburnerError(
            reason=f"{member.gateway} doesn't answer: {error or type(error).__name__}.",
            remedy="See that `frontburner farm up` runs on the manager, and that the network is there.",
            retryable=True,
        ) from None
    except (ValueError, LookupError, TypeError):
        raise FrontburnerError(
            reason=f"{member.gateway} answered {answer.status_code}, and not as a gateway does.",
            remedy="See the log of its gateway: frontburner farm logs gateway.",
        ) from None
    if problems:
        raise JobRefused(reason=reason, remedy="", problems=problems)
    raise FrontburnerError(reason=reason, remedy=remedy, retryable=answer.status_code >= httpx.codes.TOO_MANY_REQUESTS)
