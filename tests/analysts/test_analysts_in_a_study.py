"""Analysts that use a model, in a study: order of preference, falling back, what is paid, what a kill leaves."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from analysis_lab import PRICES, REVISION, investigator, one_request

from deep_loop.adapters.analysts.statistics import StatisticsAnalyst
from deep_loop.core.event import Revised, Warned
from deep_loop.core.hypothesis import parse
from deep_loop.ports import Brief
from deep_loop.testing.doubles import Edit, Recorder
from deep_loop.testing.study_contract import Plan
from tests.loop.laboratory import Laboratory, setting
from tests.proposers.model_servers import Fails, ModelServer, Says, Turn, Use

OURS: dict[str, Any] = {
    **REVISION,
    "worked": [],
    "failed": [{"text": "A larger A is worse.", "experiments": [1, 2], "claim": "worse"}],
    "changed": ["Less of A, by experiments 1 and 2."],
    "hypotheses": [{**REVISION["hypotheses"][0], "title": "Halve B", "set": "B = 0.5", "evidence": [1]}],
    "strategy": {**REVISION["strategy"], "ranges": []},
}


def lost(brief: Brief) -> Edit:
    """Proposals that never win."""
    return setting(brief, A=1 + brief.ask.id / 10)


def study(tmp_path: Path, turns: list[Turn], *, meta_interval: int = 2, runs: int = 3) -> tuple[Laboratory, Recorder]:
    """A study whose analysts are the investigator, one request and statistics, against this server."""
    with ModelServer("anthropic", turns) as server:
        analysts = [investigator(server, tmp_path / "i"), one_request(server, tmp_path / "m"), StatisticsAnalyst()]
        lab = Laboratory(
            tmp_path / "lab", Plan(meta_interval=meta_interval), edits=lost, analysts=analysts, price=PRICES
        )
        heard = Recorder()
        lab.study(runs, observers=[heard]).run()
    return lab, heard


def test_a_revision_by_the_investigator(tmp_path: Path) -> None:
    """It is committed with its hypotheses and their probabilities, and its calls are in the ledger with their price."""
    look = Says([Use("show_experiment", {"number": 1}), Use("query", {"sql": "SELECT count(*) FROM runs"})])
    lab, heard = study(tmp_path, [look, Says([Use("submit", OURS)])])
    (revised,) = heard.heard(Revised)
    assert revised.words.count("favour smaller steps") == 1
    (entry,) = parse(lab.at("HEAD", "next-hypotheses.md"))
    assert (entry.title, entry.probability) == ("Halve B", 0.4)
    assert "Analyst: investigator." in lab.at("HEAD", "process_log.md")
    assert "Go on with smaller steps." in lab.at("HEAD", "program.md")
    (call,) = [call for call in lab.ledger().calls() if call.purpose == "advise"]
    assert (call.agent, call.failure, call.tokens) == ("investigator", None, 2100)
    assert call.usd == pytest.approx((2000 * 3 + 100 * 15) / 1e6)
    lab.check()


def test_who_fails_is_followed_by_the_next(tmp_path: Path) -> None:
    """Down to statistics, which never fails; the log says why the others were no use."""
    lab, heard = study(tmp_path, [Fails(401, "authentication_error")])
    assert heard.heard(Revised)
    log = lab.at("HEAD", "process_log.md")
    assert "Analyst: statistics, after investigator: " in log and "; model: " in log
    calls = [call for call in lab.ledger().calls() if call.purpose == "advise"]
    assert [(call.agent, call.failure.fault if call.failure else None) for call in calls] == [
        ("investigator", "setup"),
        ("model", "setup"),
        ("statistics", None),
    ]
    lab.check()


def test_a_plain_request_takes_over(tmp_path: Path) -> None:
    """Where the investigator comes to no revision."""
    answer = Says(text=json.dumps(OURS))
    lab, heard = study(tmp_path, [*[Says([Use("fly", {})])] * 6, answer])
    assert heard.heard(Revised)
    assert "Analyst: model, after investigator: " in lab.at("HEAD", "process_log.md")
    lab.check()


def test_a_false_claim_is_never_adopted(tmp_path: Path) -> None:
    """Not by the tool, and not by the harness: an invented success leads to the next analyst."""
    lie = {**OURS, "worked": [{"text": "v1 is a success.", "experiments": [1], "claim": "kept"}]}
    lab, heard = study(tmp_path, [*[Says([Use("submit", lie)])] * 6, Says(text=json.dumps(lie))])
    assert heard.heard(Revised)
    log = lab.at("HEAD", "process_log.md")
    assert "Analyst: statistics, after investigator: " in log and "success" not in log.partition("Analyst:")[0]
    assert not heard.heard(Warned) or "success" not in heard.heard(Warned)[0].text
    lab.check()
