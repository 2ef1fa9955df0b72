"""Sharing nodes among jobs: properties that always hold."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from hypothesis import given
from hypothesis import strategies as st

from frontburner.plan.fair_share import ShareClaim, ShareTerms, share

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

NODES = [f"n{n}" for n in range(8)]
names = st.frozensets(st.sampled_from(NODES), max_size=4)


@st.composite
def terms(draw: st.DrawFn) -> ShareTerms:
    least = draw(st.integers(0, 3))
    most = draw(st.none() | st.integers(least, 6))
    return ShareTerms(min_nodes=least, max_nodes=most)


@st.composite
def farms(draw: st.DrawFn, *, excluded: bool = True) -> dict[str, Any]:
    count = draw(st.integers(1, 5))
    claims = [
        ShareClaim(
            job=f"j{n}",
            priority=draw(st.sampled_from([20, 50, 80])),
            age=n,
            terms=draw(terms()),
            renderer=draw(st.sampled_from(["a", "b"])),
            excluded=draw(names) if excluded else frozenset(),
            wants=draw(st.none() | st.integers(0, 4)),
        )
        for n in range(count)
    ]
    busy = {node: draw(st.sampled_from(claims)).job for node in draw(names)}
    had = {node: draw(st.sampled_from([*claims])).job for node in draw(names)}
    return {
        "claims": [
            replace(claim, busy=frozenset(n for n, job in busy.items() if job == claim.job)) for claim in claims
        ],
        "nodes": draw(st.lists(st.sampled_from(NODES), unique=True)),
        "licences": draw(st.dictionaries(st.sampled_from(["a", "b"]), st.integers(0, 4))),
        "previous": {claim.job: [node for node, job in had.items() if job == claim.job] for claim in claims},
    }


def counts(shares: Mapping[str, Collection[str]]) -> dict[str, int]:
    return {job: len(nodes) for job, nodes in shares.items()}


def using(renderer: str, claims: Sequence[ShareClaim], shares: Mapping[str, Collection[str]]) -> set[str]:
    of_renderer = [claim for claim in claims if claim.renderer == renderer]
    return {node for claim in of_renderer for node in {*claim.busy, *shares[claim.job]}}


@given(farms())
def test_a_node_belongs_to_one_job_that_may_have_it_and_no_job_has_too_many(farm: dict[str, Any]) -> None:
    shares = share(**farm)
    held = Counter(node for nodes in shares.values() for node in nodes)
    assert set(held) <= set(farm["nodes"])
    assert max(held.values(), default=0) <= 1
    for claim in farm["claims"]:
        assert not shares[claim.job] & claim.excluded
        assert claim.terms.max_nodes is None or len(shares[claim.job]) <= claim.terms.max_nodes


@given(farms())
def test_licences_hold_and_nodes_where_a_job_is_still_busy_count(farm: dict[str, Any]) -> None:
    shares = share(**farm)
    for renderer, most in farm["licences"].items():
        before = using(renderer, farm["claims"], {claim.job: () for claim in farm["claims"]})
        assert len(using(renderer, farm["claims"], shares)) <= max(most, len(before))


@given(farms())
def test_no_node_is_left_that_a_job_could_use(farm: dict[str, Any]) -> None:
    shares = share(**farm)
    free = set(farm["nodes"]) - {node for nodes in shares.values() for node in nodes}
    for claim in farm["claims"]:
        limit = farm["licences"].get(claim.renderer)
        for node in free - claim.excluded:
            full = claim.terms.max_nodes is not None and len(shares[claim.job]) >= claim.terms.max_nodes
            spent = limit is not None and len(using(claim.renderer, farm["claims"], shares) | {node}) > limit
            assert full or spent


@given(farms())
def test_a_higher_priority_lacks_nothing_that_a_lower_one_has_beyond_its_minimum(farm: dict[str, Any]) -> None:
    farm["licences"] = {}
    shares = share(**farm)
    for high in farm["claims"]:
        for low in farm["claims"]:
            if high.priority <= low.priority or len(shares[high.job]) >= high.limit:
                continue
            if len(shares[low.job]) > low.terms.min_nodes:
                assert not shares[low.job] - high.excluded


@given(farms(excluded=False))
def test_equal_jobs_get_equal_shares_and_the_oldest_the_rest(farm: dict[str, Any]) -> None:
    claims = [replace(claim, terms=ShareTerms(), wants=None, priority=50) for claim in farm["claims"]]
    shares = counts(share(claims, farm["nodes"], {}, farm["previous"]))
    each, rest = divmod(len(farm["nodes"]), len(claims))
    assert shares == {claim.job: each + (claim.age < rest) for claim in claims}


@given(farms(excluded=False))
def test_minimums_are_met_if_there_are_enough_nodes(farm: dict[str, Any]) -> None:
    least = {claim.job: min(claim.terms.min_nodes, claim.limit) for claim in farm["claims"]}
    shares = share(farm["claims"], farm["nodes"], {}, farm["previous"])
    if sum(least.values()) <= len(farm["nodes"]):
        assert all(len(shares[job]) >= count for job, count in least.items())


@given(farms())
def test_a_repeated_allocation_changes_nothing(farm: dict[str, Any]) -> None:
    shares = share(**farm)
    assert share(**farm | {"previous": shares}) == shares


@given(farms(excluded=False), st.sampled_from([20, 50, 80]))
def test_when_a_job_is_added_no_node_moves_between_the_others(farm: dict[str, Any], priority: int) -> None:
    claims = [replace(claim, terms=ShareTerms(), wants=None, priority=50) for claim in farm["claims"]]
    before = share(claims, farm["nodes"], {}, farm["previous"])
    after = share([*claims, ShareClaim(job="new", age=99, priority=priority)], farm["nodes"], {}, before)
    assert all(after[claim.job] <= before[claim.job] for claim in claims)


def test_jobs_swap_so_that_one_that_can_use_only_a_few_gets_those() -> None:
    picky = ShareClaim(job="picky", age=1, excluded=frozenset({"n1", "n2"}))
    easy = ShareClaim(job="easy", age=0, terms=ShareTerms(max_nodes=2))
    shares = share([easy, picky], ["n0", "n1", "n2"], {}, {"easy": ["n0", "n1"]})
    assert shares == {"easy": {"n1", "n2"}, "picky": {"n0"}}


def test_a_job_with_its_last_units_keeps_the_nodes_they_are_on_and_no_others_that_are_wanted() -> None:
    ending = ShareClaim(job="ending", age=0, wants=1, busy=frozenset({"n2"}))
    other = ShareClaim(job="other", age=1)
    shares = share([ending, other], NODES[:4], {}, {"ending": NODES[:4]})
    assert shares == {"ending": {"n2"}, "other": {"n0", "n1", "n3"}}
    alone = share([ending], NODES[:4], {}, {"ending": NODES[:4]})
    assert alone == {"ending": set(NODES[:4])}
