"""What happens in a job, as facts in the past tense: record, report, progress and notifications are made of them."""

from __future__ import annotations

from frontburner.events.context import Event, Observer, announce, observe
from frontburner.events.followups import (
    FollowUp,
    FrameFlagged,
    FramesChecked,
    NotificationFailed,
    ProductFailed,
    ProductMade,
    RunSkipped,
)
from frontburner.events.runs import (
    DeadlineForecast,
    EventsDropped,
    ExpectedWorkChanged,
    Heartbeat,
    JobSuspending,
    RunEnded,
    RunStarted,
    RunState,
    StageBegan,
    StageEnded,
    StageState,
    TimeLimitReached,
)
from frontburner.events.work import (
    BuildChosen,
    FarmMeasured,
    FrameFailed,
    FrameRendered,
    FrameWritten,
    JobNoted,
    JobPlanned,
    NodeExcluded,
    NodeJoined,
    NodeLeftOut,
    NodeLost,
    NodeRefused,
    NodeWithheld,
    PassMeasured,
    PreviewMade,
    SceneFetched,
    SceneSent,
    SimulationBaked,
    StoreUnavailable,
    UnitAttemptFailed,
    UnitDamaged,
    UnitFinished,
    UnitReused,
    UnitStarted,
    UnitTakenOver,
    UnitWasted,
)

__all__ = [
    "BuildChosen", "DeadlineForecast", "Event", "EventsDropped", "ExpectedWorkChanged", "FarmMeasured", "FollowUp",
    "FrameFailed", "FrameFlagged", "FrameRendered", "FrameWritten", "FramesChecked", "Heartbeat", "JobNoted",
    "JobPlanned", "JobSuspending", "NodeExcluded", "NodeJoined", "NodeLeftOut", "NodeLost", "NodeRefused",
    "NodeWithheld", "NotificationFailed", "Observer", "PassMeasured", "PreviewMade", "ProductFailed", "ProductMade",
    "RunEnded", "RunSkipped", "RunStarted", "RunState", "SceneFetched", "SceneSent", "SimulationBaked", "StageBegan",
    "StageEnded", "StageState", "StoreUnavailable", "TimeLimitReached", "UnitAttemptFailed", "UnitDamaged",
    "UnitFinished", "UnitReused", "UnitStarted", "UnitTakenOver", "UnitWasted", "announce", "observe",
]  # fmt: skip
