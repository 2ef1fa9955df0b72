"""What happens in a job, as facts in the past tense. Progress, report and artifacts are folds over them."""

from __future__ import annotations

from frontburner.events.announcing import Event, Observer, announce, observe
from frontburner.events.goals import DeadlineJudged, GoalMoved, PassMeasured, PreviewMade, TimeUp
from frontburner.events.runs import (
    Alive,
    EventsDropped,
    JobSuspending,
    RunEnded,
    RunStarted,
    RunState,
    StageBegan,
    StageEnded,
    StageState,
)
from frontburner.events.work import (
    FarmMeasured,
    FrameFailed,
    FrameRendered,
    FrameWritten,
    JobPlanned,
    NodeJoined,
    NodeLost,
    NodeRefused,
    NodeSetAside,
    NodeWithheld,
    SceneFetched,
    SceneSent,
    StoreAway,
    UnitAttemptFailed,
    UnitDamaged,
    UnitFinished,
    UnitReused,
    UnitStarted,
    UnitTakenOver,
    UnitWasted,
)

__all__ = [
    "Alive", "DeadlineJudged", "Event", "EventsDropped", "FarmMeasured", "FrameFailed", "FrameRendered",
    "FrameWritten", "GoalMoved", "JobPlanned", "JobSuspending", "NodeJoined", "NodeLost", "NodeRefused",
    "NodeSetAside", "NodeWithheld", "Observer", "PassMeasured", "PreviewMade", "RunEnded", "RunStarted", "RunState",
    "SceneFetched", "SceneSent", "StageBegan", "StageEnded", "StageState", "StoreAway", "TimeUp", "UnitAttemptFailed",
    "UnitDamaged", "UnitFinished", "UnitReused", "UnitStarted", "UnitTakenOver", "UnitWasted", "announce", "observe",
]  # fmt: skip
