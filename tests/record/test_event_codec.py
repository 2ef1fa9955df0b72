"""Names of events in records are permanent: old records stay readable when classes are renamed."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING

from frontburner import events as ev
from frontburner.record.event_codec import EVENT_TYPES

if TYPE_CHECKING:
    from collections.abc import Iterator

FROZEN = """
run started: RunStarted job_id job host pid flow_run deployment scheduler prefect_api
alive: Heartbeat
events dropped: EventsDropped count
job suspending: JobSuspending why
run ended: RunEnded state sentence
stage began: StageBegan name number of
stage ended: StageEnded name state reason
job planned: JobPlanned job_id frames pixel_samples reused_frames probe numbers size region
job noted: JobNoted notes
build chosen: BuildChosen build sentence
scene sent: SceneSent there_bytes size_bytes sent_bytes seconds
scene fetched: SceneFetched node fetched_bytes size_bytes seconds
simulation baked: SimulationBaked node simulation frame last seconds
node joined: NodeJoined node
node refused: NodeRefused node reason
node left out: NodeLeftOut node reason
node withheld: NodeWithheld node why
node set aside: NodeExcluded node reason
node lost: NodeLost node units
store away: StoreUnavailable reason remedy
unit damaged: UnitDamaged node frame reason
unit reused: UnitReused block pixel_samples_done
unit started: UnitStarted node block
unit finished: UnitFinished node block record predicted_s seconds_left pixel_samples_done
unit taken over: UnitTakenOver node block by
unit wasted: UnitWasted node block seconds finished_s
unit attempt failed: UnitAttemptFailed node block reason
farm measured: FarmMeasured speeds rates cell_px
frame rendered: FrameRendered frame
frame failed: FrameFailed frame reason last_words
frame written: FrameWritten frame outputs reached
pass measured: PassMeasured frame samples noise samples_wanted
preview made: PreviewMade frame samples caption
goal moved: ExpectedWorkChanged pixel_samples
time up: TimeLimitReached early
deadline judged: DeadlineForecast due expected_end spare_s sentence news made_it
frames checked: FramesChecked frames
frame flagged: FrameFlagged frame fault sentence
product made: ProductMade product output reused
product failed: ProductFailed product reason
not sent: NotificationFailed target reason
run skipped: RunSkipped why
"""
"""Names, classes and fields as records have them. A line may be added, or a field that has a default; nothing else."""


def of(kind: type[ev.Event]) -> Iterator[type[ev.Event]]:
    """Give all kinds of events there are."""
    for each in kind.__subclasses__():
        yield from (each, *of(each))


def test_names_and_fields_are_as_they_ever_were() -> None:
    now = {
        name: " ".join([kind.__name__, *(each.name for each in fields(kind) if each.name != "at_s")])
        for name, kind in EVENT_TYPES.items()
    }
    assert now == dict(line.split(": ") for line in FROZEN.strip().splitlines())


def test_every_kind_of_event_has_a_name() -> None:
    named = {kind.__name__ for kind in EVENT_TYPES.values()}
    assert {kind.__name__ for kind in of(ev.Event)} - named <= {"FollowUp"}, (
        "give it one in frontburner.record.event_codec"
    )
    assert len(named) == len(EVENT_TYPES)
