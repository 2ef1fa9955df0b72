"""A night for real: a schedule fires, a worker renders, and in the morning the studio knows, with the picture."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av
import httpx
import numpy as np
import pytest
from PIL import Image

from frontburner.cluster.prefect_server import embedded_server
from tasks.picture.movie import facts
from tests.end_to_end.conftest import ROOT, until
from tests.end_to_end.test_deployment import Prefect
from tests.notify.receivers import PASSWORD, TOKEN, run_receivers

if TYPE_CHECKING:
    from email.message import EmailMessage
    from pathlib import Path

    from tests.end_to_end.conftest import Studio
    from tests.notify.receivers import Receivers

FRAMES = 6
WAIT_S = 400


def told(studio: Studio, *words: str, **environment: str) -> str:
    done = studio.run(*words, **environment)
    assert done.returncode == 0, done.stderr
    return done.stdout


def mail_about(receivers: Receivers, subject: str) -> EmailMessage:
    found: EmailMessage = until(
        lambda: next((mail for mail in receivers.mails if mail["Subject"].startswith(subject)), None), timeout_s=WAIT_S
    )
    return found


def picture_in(mail: EmailMessage) -> Image.Image:
    (picture, *_) = (part for part in mail.walk() if part.get_content_type() == "image/jpeg")
    return Image.open(io.BytesIO(picture.get_payload(decode=True)))  # type: ignore[arg-type]


def assert_is_a_good_movie(path: Path) -> None:
    own = facts(path)
    assert (own.frames, own.fps, own.tagged) == (FRAMES, Fraction(25), True)
    with av.open(str(path)) as movie:
        frames = [frame.to_ndarray(format="rgb24") for frame in movie.decode(video=0)]
    assert len(frames) == FRAMES
    for number, frame in enumerate(frames, start=1):
        own_png = np.asarray(Image.open(path.with_name(f"nightly.{number:04d}.png")).convert("RGB"))
        assert np.abs(frame.astype(int) - own_png).mean() < 12, f"frame {number} is another picture"


def late_run(url: str, deployment: str) -> str:
    """Have a run of a deployment be due eight hours ago; returns its id."""
    due = (datetime.now(UTC) - timedelta(hours=8)).isoformat()
    state = {"type": "SCHEDULED", "state_details": {"scheduled_time": due}}
    made = httpx.post(f"{url}/deployments/{deployment}/create_flow_run", json={"state": state}, timeout=60)
    return str(made.raise_for_status().json()["id"])


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_a_schedule_fires_and_the_studio_is_told_with_the_picture(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FRONTBURNER_HOME", str(studio.home))
    document = {
        "scene": str(ROOT / "scenes" / "walk.xml"), "frames": f"1-{FRAMES}", "size": "96x54", "samples": 4,
        "name": "nightly", "out": "out", "movie": "h264", "fps": 25, "contact_sheet": True, "notify": "studio,hook",
    }  # fmt: skip
    (studio.folder / "tonight.json").write_text(json.dumps(document))
    with run_receivers(studio.home) as receivers, embedded_server() as server:
        receivers.describe()
        server.wait()
        own = {"PREFECT_API_URL": server.url}
        prefect = Prefect(server.url, studio)
        every_minute = ("--cron", "* * * * *", "--timezone", "Europe/Vienna")
        said = told(studio, "schedule", "add", "tonight.json", *every_minute, "--if-changed", **own)
        assert said == "nightly is rendered at * * * * * (Europe/Vienna).\n"
        with prefect.worker():
            first = mail_about(receivers, "nightly: done")
            until(lambda: states(prefect, "Skipped"), timeout_s=WAIT_S)
            told(studio, "schedule", "pause", "nightly", **own)
            (deployment,) = prefect.ask("deployments")
            late = late_run(server.url, deployment["id"])
            until(lambda: late in states(prefect, "Skipped"), timeout_s=WAIT_S)
            told(studio, "schedule", "report", *every_minute, "--to", "studio,hook", **own)
            report = mail_about(receivers, "Renders since")
            (listed, scheduled) = json.loads(told(studio, "schedule", "list", "--json", **own))
            assert (listed["name"], scheduled["name"]) == ("morning report", "nightly")
            assert scheduled["paused"]
            assert scheduled["forecast"]["runs"] == 1, "runs that were skipped tell nothing of how long one takes"
            for name in ("nightly", "morning report"):
                told(studio, "schedule", "remove", name, **own)
            assert json.loads(told(studio, "schedule", "list", "--json", **own)) == []
            assert "8 h ago" in states(prefect, "Skipped")[late]
        recorded = json.dumps([prefect.ask(what) for what in ("deployments", "flow_runs", "task_runs", "artifacts")])
        recorded += json.dumps(prefect.ask("logs", limit=200))

    out = studio.folder / "out"
    assert_is_a_good_movie(out / "nightly.mp4")
    for mail in (first, report):
        assert picture_in(mail).size[0] > 600, "its contact sheet"
        assert str(out) in mail.get_body(("plain",)).get_content()  # type: ignore[union-attr]
    hook = next(body for body in receivers.hooks if body["subject"].startswith("Renders since"))
    assert hook["jobs"][0]["state"] == "skipped"
    assert hook["pictures"]
    first_hook = receivers.hooks[0]["jobs"][0]
    assert (first_hook["state"], first_hook["in_place"]) == ("completed", FRAMES)
    kept = "".join(path.read_text() for path in out.rglob("*.json*")) + recorded
    assert PASSWORD not in kept
    assert TOKEN not in kept


def states(prefect: Prefect, name: str) -> dict[str, Any]:
    """Runs in a state of this name, and what it says."""
    return {run["id"]: run["state"]["message"] for run in prefect.ask("flow_runs") if run["state_name"] == name}
