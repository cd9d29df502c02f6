"""The back-test: its rules, its statistics against reference implementations, and a quick run on the public logs."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, roc_auc_score

from benchmarks import backtest
from benchmarks.backtest import alarms
from benchmarks.backtest.blocks import blocks
from benchmarks.backtest.fitting import case, fitted
from benchmarks.backtest.logistic import expit, fit
from benchmarks.backtest.logs import FOLDER, PUBLIC, Log, log, logs, states_outcome
from benchmarks.backtest.paraphrases import planted
from benchmarks.backtest.prediction import OURS, RATE, predictions
from benchmarks.backtest.scores import Predicted, auc, interval, losses, score, top, within_shares
from deep_loop.core.prospect import FIELD, chances
from deep_loop.foreign.reading import read

needs_logs = pytest.mark.skipif(not PUBLIC.is_dir(), reason=f"the public logs are not at {PUBLIC}: nothing was checked")
NAMES = ("LEARNING_RATE", "WEIGHT_DECAY", "DROPOUT", "MOMENTUM")


def table(seed: int, rows: int = 70, favourite: str = "LEARNING_RATE") -> bytes:
    """A log in which moves of one constant are kept in a half of the cases, and others hardly ever."""
    draw = random.Random(seed)
    best = 2.0
    lines = ["commit\tval_bpb\tmemory_gb\tstatus\tdescription", f"c{0:06x}\t{best:.6f}\t1.0\tkeep\tbaseline"]
    for number in range(1, rows):
        name = draw.choice(NAMES)
        kept = draw.random() < (0.5 if name == favourite else 0.03)
        value = best - 0.01 if kept else best + 0.01 * draw.random()
        best = min(best, value)
        before = draw.randint(1, 50) / 100
        text = f"Increase {name} from {before} to {before + draw.randint(1, 9) / 100:.2f}"
        lines.append(f"{number:07x}\t{value:.6f}\t1.0\t{'keep' if kept else 'discard'}\t{text}")
    return ("\n".join(lines) + "\n").encode()


def made(count: int = 4) -> list[Log]:
    return [log(f"{n}.tsv", f"owner/{n}", read(table(n))) for n in range(count)]


# --- what leaks is left out ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "value", "states"),
    [
        ("Increase MATRIX_LR from 0.04 to 0.05", 1.0812, False),
        ("MATRIX_LR 0.05 (worse)", 1.0812, True),
        ("MATRIX_LR 0.05: 1.081", 1.0812, True),
        ("MATRIX_LR 0.05: 1.082", 1.0812, False),
        ("Add dropout for improved generalization", 1.0, False),
        ("dropout improved, 0.2", 1.0, True),
        ("batch 64 [Traceback (most recent call last):", None, True),
        ("batch 64, -3.2 %", 1.0, True),
        ("(no description)", 1.0, True),
    ],
)
def test_a_description_that_states_its_outcome_is_known(text: str, value: float | None, states: bool) -> None:
    """By words and by the row's own metric, to as many digits as it is written with."""
    assert states_outcome(text, value) is states


def test_logs_written_after_the_run_are_left_out() -> None:
    """Where more than a fifth of the descriptions state their outcome no block is asked for; hypotheses are exempt."""
    text = table(1).decode().splitlines()
    told = "\n".join(line + " (worse)" if "discard" in line else line for line in text)
    after, idea = (read(t.encode()) for t in (told, told.replace("description", "hypothesis", 1)))
    assert not log("a", "a/a", after).before and list(blocks([log("a", "a/a", after)])) == []
    found = list(blocks([log("a", "a/a", idea)]))
    assert found and all(not row.states_outcome for block in found for row in block.ahead)


def test_a_block_knows_nothing_of_what_comes() -> None:
    """Rewriting all values and verdicts after k changes no prediction of the block at k."""
    lines = table(2).decode().splitlines()
    other = lines[:22] + [
        line.replace("keep", "XX").replace("discard", "keep").replace("XX", "discard") for line in lines[22:]
    ]
    one, two = (next(blocks([log("a", "a/a", read("\n".join(text).encode()))])) for text in (lines, other))
    ahead = [row.tried.prospect for row in one.ahead]
    assert one.seen == two.seen == 20 and one.kept != two.kept
    assert chances(one.past, ahead) == chances(two.past, [row.tried.prospect for row in two.ahead])


def test_what_is_predicted_is_learnt_elsewhere() -> None:
    """The fit for a repository does not move when that repository's outcomes are turned round."""
    four = made()
    turned = log("3.tsv", "owner/3", read(table(3, favourite="DROPOUT")))
    cases = [[case(b) for b in blocks(x) if b.log.repository != "owner/3"] for x in (four, [*four[:3], turned])]
    assert fitted(cases[0]) == fitted(cases[1])


# --- statistics ----------------------------------------------------------------------------------


def test_the_regression_is_the_reference_one() -> None:
    """With a penalty and weights it gives the coefficients of scikit-learn."""
    draw = np.random.default_rng(1)
    x = draw.normal(size=(300, 3))
    kept = (draw.random(300) < expit(x @ np.array([1.0, -0.5, 0.0]))).astype(float)
    weights = draw.uniform(0.5, 2, 300)
    reference = LogisticRegression(C=1 / 5.0, fit_intercept=False, tol=1e-10, max_iter=1000)
    reference.fit(x, kept, sample_weight=weights)
    assert fit(x, kept, np.full(3, 5.0), weights) == pytest.approx(reference.coef_[0], abs=1e-5)


def test_scores_are_the_reference_ones() -> None:
    """Log-loss and AUC, ties included, as scikit-learn counts them."""
    draw = np.random.default_rng(2)
    kept = (draw.random(200) < 0.3).astype(float)
    chance = np.round(draw.random(200), 1).clip(0.05, 0.95)
    assert losses(kept, chance).mean() == pytest.approx(log_loss(kept, chance))
    assert auc(kept, chance) == pytest.approx(roc_auc_score(kept, chance))


def test_lift_shares_ties() -> None:
    """Where all are alike the top quarter has its share of keeps; a perfect order fills it."""
    kept = np.array([1.0, 0, 0, 0, 0, 0, 0, 1])
    assert top(Predicted("a", kept, np.full(8, 0.5))) == (0.5, 0.5)
    assert top(Predicted("a", kept, kept)) == (2.0, 0.5)


def test_the_interval_draws_repositories() -> None:
    """One repository has no spread; two that differ have the whole range between them."""
    same = [Predicted("a", np.array([1.0, 0]), np.array(chance)) for chance in ([0.9, 0.1], [0.1, 0.9])]
    assert interval(["a", "a"], within_shares(same)) == (0.5, 0.5)
    assert interval(["a", "b"], within_shares(same)) == (0.0, 1.0)


def test_a_log_with_a_pattern_is_predicted() -> None:
    """Where one constant pays, the predictor finds it out: better than the rate alone in every figure."""
    asked = list(blocks(made(6)))
    predicted = predictions(asked)
    ours, rate = score(predicted[OURS]), score(predicted[RATE])
    assert ours.within > 0.7 and ours.lift > 1.5 and ours.log_loss < rate.log_loss
    assert rate.within == 0.5 and rate.lift == pytest.approx(1)


# --- alarms --------------------------------------------------------------------------------------


def test_planted_repeats_differ_from_their_source() -> None:
    """No paraphrase is the text that it was made of, and near misses are not in the log."""
    one = made(1)[0]
    found = list(planted(one, random.Random(1)))
    assert {plant.source is None for plant in found} == {True, False}
    assert all(plant.text != one.rows[plant.source].text for plant in found if plant.source is not None)
    assert not {plant.text for plant in found if plant.source is None} & {row.text for row in one.rows}


def test_planted_oddities_are_flagged() -> None:
    """All four kinds, in every log; an ordinary keep in their place is not."""
    found = alarms.planted_oddities(made(2))
    assert all(one.recall == 1 and one.false == 0 and one.hits for one in found.values())


def test_the_log_of_one_repository_is_refused() -> None:
    """There is nothing to learn from."""
    with pytest.raises(ValueError, match="two repositories"):
        predictions(list(blocks(made(1))))


# --- the whole of it -----------------------------------------------------------------------------


def test_any_folder_of_logs_can_be_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment names a folder; what is no log in it is passed over, owners come from the names of the files."""
    for number in range(12):
        (tmp_path / f"owner{number % 3}__repo__{number}.tsv").write_bytes(table(number))
    (tmp_path / "empty.tsv").write_text("")
    monkeypatch.setenv(FOLDER, str(tmp_path))
    result = backtest.run(quick=True)
    assert result.figures["logs"] == 2 and result.figures["repositories"] > 1
    assert {len(row) for row in result.table} == {len(backtest.HEADER)}


def test_a_missing_folder_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In words, with what to do."""
    monkeypatch.setenv(FOLDER, str(tmp_path / "nowhere"))
    with pytest.raises(SystemExit, match="hint: name their folder"):
        backtest.run(quick=True)


@needs_logs
def test_the_field_is_the_fit_to_the_public_logs() -> None:
    """The numbers that the product ships come out of the fitting again."""
    assert fitted([case(block) for block in blocks(logs(PUBLIC))]) == FIELD


@needs_logs
def test_a_quick_run_on_the_public_logs(monkeypatch: pytest.MonkeyPatch) -> None:
    """It ends in seconds, and what it measures points the right way."""
    monkeypatch.delenv(FOLDER, raising=False)
    result = backtest.run(quick=True)
    figures = result.figures
    assert figures["blocks"] >= 10 and figures["within_auc"] > 0.5 and figures["lift"] > 1
    assert figures["planted_percent"] >= 95 and figures["repeats_recall_percent"] >= 90
