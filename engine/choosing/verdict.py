"""How sure a method is of its ranking, as facts for a :class:`MethodResult` and in sentences."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from engine.choosing.comparison import CentralityEvidence
from engine.choosing.methods import PoolRanking
from engine.selection.ranking import rank_ranges

if TYPE_CHECKING:
    from engine.selection.matching import CodeMatch

Verdict = Literal["clear", "cannot tell", "not estimated"]

SURE = 0.95
"""Confidence from which a pick by part of the pairs counts as clear."""


def certainty_facts(
    ranked: PoolRanking, ids: Sequence[str], names: Sequence[str | None], matching: bool
) -> dict[str, Any]:
    """What a method knows beyond scores and ranking.

    Args:
        ranked: the pool as a method ranked it.
        ids: of all members.
        names: of all members.
        matching: whether to match the codes of each run to the pick's, where models were compared.

    Returns:
        Fields of :class:`engine.choosing.result.MethodResult`: ``intervals``, ``verdict`` and ``warnings``, and those
        of a comparison of models: ``similarity``, ``runner_up``, ``medoid_probability``, ``votes_to_settle``,
        ``agreement``, ``agreement_by_chance``, ``confidence``, and ``matching`` where that is wanted. Empty for methods
        that neither compare models nor know how far their noise reaches.
    """
    if ranked.evidence is not None:
        return _centrality_facts(ranked, ranked.evidence, ids, names, matching)
    if ranked.intervals is None:
        return {}
    order = ranked.ranking.order
    perhaps_best = int((rank_ranges(ranked.intervals)[:, 0] == 1).sum())
    facts: dict[str, Any] = {"intervals": _by_member(ranked, ids, ranked.intervals.tolist()), "verdict": "clear"}
    if perhaps_best > 1:
        pick = ranked.included[order[0]]
        facts["verdict"] = "cannot tell"
        facts["warnings"] = [
            f"{perhaps_best} models, {names[pick] or ids[pick]} among them, lie within the noise of the best score"
        ]
    return facts


def _centrality_facts(
    ranked: PoolRanking, found: CentralityEvidence, ids: Sequence[str], names: Sequence[str | None], matching: bool
) -> dict[str, Any]:
    uncertainty = found.uncertainty
    members = [ranked.included[place] for place in ranked.ranking.order]
    verdict, warnings = _judged(ranked, found, [names[index] or ids[index] for index in members[:2]])
    facts: dict[str, Any] = {
        "similarity": found.scores.similarity,
        "verdict": verdict,
        "warnings": warnings,
        "runner_up": ids[members[1]] if len(members) > 1 else None,
        "intervals": _by_member(ranked, ids, None if ranked.intervals is None else ranked.intervals.tolist()),
        "medoid_probability": _by_member(
            ranked, ids, None if uncertainty is None else uncertainty.medoid_probability.tolist()
        ),
        "votes_to_settle": uncertainty.votes_to_settle if uncertainty else None,
        "agreement": found.consensus.agreement if found.consensus else None,
        "agreement_by_chance": found.consensus.by_chance if found.consensus else None,
        "confidence": found.confidence,
    }
    if matching:
        facts["matching"] = _matching(ranked, found, ids)
    return facts


def _judged(ranked: PoolRanking, found: CentralityEvidence, first_two: Sequence[str]) -> tuple[Verdict, list[str]]:
    """The verdict, and sentences that explain any doubt, the gravest first."""
    if len(ranked.included) < 3:
        few = "one model has nobody to agree with" if len(ranked.included) == 1 else "two models always tie"
        return "cannot tell", [f"{few}; the medoid of a pool means something from three models on"]
    verdict: Verdict = "clear"
    warnings = []
    if found.confidence is not None:
        if found.confidence < SURE:
            verdict = "cannot tell"
            warnings.append(
                f"with what was compared, {first_two[0]} stays the medoid in only {found.confidence:.0%} of other "
                "draws of votes and references; a larger budget tells more"
            )
    elif found.uncertainty is None:
        verdict = "not estimated"
        warnings.append(
            f"the similarity {found.scores.similarity} has no votes to resample: "
            "how far its noise reaches was not estimated"
        )
    elif not found.uncertainty.clear:
        verdict = "cannot tell"
        warnings.append(_unsettled(found.uncertainty.votes_to_settle, *first_two))
    if found.consensus and not found.consensus.present:
        verdict = "cannot tell"
        warnings.insert(
            0,
            f"the models agree no better than unrelated ones ({found.consensus.agreement:.2f}; by chance up to "
            f"{found.consensus.by_chance:.2f}): there is no consensus for the pick to be the centre of",
        )
    return verdict, warnings


def _unsettled(votes: int | None, first: str, second: str) -> str:
    if votes is None:
        return f"{first} and {second} tie exactly, which more votes would hardly change"
    return (
        f"{first} and {second} cannot be told apart by these votes; if the lead stays what it is, about {votes} votes "
        f"a pair would settle it (--votes {votes})"
    )


def _by_member(ranked: PoolRanking, ids: Sequence[str], values: Sequence[Any] | None) -> list[Any]:
    """One value for each member of the pool; None for members that were not ranked."""
    known = {} if values is None else dict(zip(ranked.included, values, strict=True))
    return [known.get(index) for index in range(len(ids))]


def _matching(
    ranked: PoolRanking, found: CentralityEvidence, ids: Sequence[str]
) -> dict[str, list[dict[str, Any]] | None]:
    from engine.selection.matching import match_in

    row = {member: place for place, member in enumerate(found.members)}
    pick = row[ranked.included[ranked.ranking.pick]]
    matches = {ids[member]: match_in(found.scores, row[member], pick) for member in ranked.included}
    return {run: None if match is None else [_in_json(code) for code in match] for run, match in matches.items()}


def _in_json(match: CodeMatch) -> dict[str, Any]:
    return {"code": match.code, "of_pick": match.partner, "agreement": match.agreement, "sign": match.sign}
