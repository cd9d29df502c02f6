"""Whether the outer tier can tell from real logs which experiments will be kept, and which results are odd.

Public logs of autonomous experiment loops are frozen after k = 20, 40, … experiments, and each of the next 20 gets the
probability that it is kept: by what the log shows until k, and of the experiment itself by its description alone.
Descriptions that state their outcome are left out by the rules of `logs.py`. Whatever is learnt from other logs is
learnt without the repository that is predicted; the numbers that the product ships are those of all public logs, so
they are shown for other folders' sake only. `DEEP_LOOP_BACKTEST_LOGS` names another folder of logs.

    baseline_nats         log-loss of the best of four baselines: the rates of keeps, of all logs and of the log so far,
                          and logistic regression on the state of the log, without and with words of descriptions
    predicted_nats        that of the product's predictor
    saved_nats            how much less that is; saved_low_nats and saved_high_nats: the 95 % interval, by the
                          bootstrap over repositories
    sparse_saved_nats     the same where logs that keep more than a third are left out: there the baselines do better,
                          since such logs are those that they get most wrong (nobody could leave them out beforehand)
    within_auc            mean AUC inside a block; baseline_within_auc: of the baseline that is best at it;
                          within_low_auc: the lower end of the interval
    lift                  keep rate of each block's top quarter over the block's; baseline_lift, lift_low: likewise
    repeats_*             descriptions that repeat an earlier one in other words, and near misses, both planted by rules
    noise_factor          median over logs of how far the noise that is estimated without re-runs is from that of known
                          re-runs, as a factor of at least 1; noise_logs: how many logs hold both
    planted_percent       of planted anomalies of four kinds, those that are flagged; false_percent: of ordinary keeps
    read_flagged          of read_odd keeps that a person found odd in the public logs
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence

from benchmarks.backtest import alarms
from benchmarks.backtest.blocks import Block
from benchmarks.backtest.blocks import blocks as all_blocks
from benchmarks.backtest.logs import FOLDER, Log, folder, logs
from benchmarks.backtest.prediction import BASELINES, OURS, predictions
from benchmarks.backtest.scores import (
    Predicted,
    Score,
    interval,
    lift_shares,
    loss_shares,
    score,
    within_shares,
)
from benchmarks.result import Result

SPARSE = 1 / 3  # of a log's experiments are kept, at most, where a log counts as sparse
SOME = 5  # where quick, each so-many-th log
TARGETS = {
    "saved_nats": ">= 0.005",
    "saved_low_nats": "> 0",
    "within_auc": "> 0.57",
    "within_low_auc": "> 0.5",
    "lift": "> 1.2",
    "lift_low": "> 1",
    "repeats_recall_percent": ">= 90",
    "repeats_precision_percent": ">= 90",
    "noise_factor": "<= 2",
    "planted_percent": ">= 95",
    "false_percent": "<= 5",
}
QUICK_TARGETS = {"blocks": ">= 10", "planted_percent": ">= 95"}  # that it runs from end to end
HEADER = ("predictor", "log-loss", "AUC", "AUC in block", "lift", "log-loss less the best baseline's")


def run(quick: bool) -> Result:
    """All logs of the folder; each fifth where `quick`. Ends the program where there are none."""
    if not folder().is_dir():
        sys.exit(f"the logs are not at {folder()}: nothing was measured\n\nhint: name their folder in {FOLDER}")
    found = logs(folder(), SOME if quick else 1)
    print(f"{len(found)} logs read", file=sys.stderr, flush=True)
    asked = list(all_blocks(found))
    predicted = predictions(asked)
    figures = {**_size(asked), **_prediction(predicted), **_sparse(asked), **_alarms(found)}
    return Result(figures, QUICK_TARGETS if quick else TARGETS, _table(predicted))


def _size(blocks: Sequence[Block]) -> dict[str, float]:
    kept = [was_kept for block in blocks for was_kept in block.kept]
    return {
        "logs": len({block.log.name for block in blocks}),
        "repositories": len({block.log.repository for block in blocks}),
        "blocks": len(blocks),
        "experiments": len(kept),
        "kept_percent": round(100 * sum(kept) / len(kept), 1),
    }


def _prediction(predicted: Mapping[str, Sequence[Predicted]]) -> dict[str, float]:
    scores = {name: score(of) for name, of in predicted.items()}
    ours, best = scores[OURS], _best(scores)
    repositories = [one.repository for one in predicted[OURS]]
    low, high = interval(repositories, loss_shares(predicted[OURS], predicted[best]))
    return {
        "baseline_nats": round(scores[best].log_loss, 4),
        "predicted_nats": round(ours.log_loss, 4),
        "saved_nats": round(scores[best].log_loss - ours.log_loss, 4),
        "saved_low_nats": round(-high, 4),
        "saved_high_nats": round(-low, 4),
        "baseline_within_auc": round(max(scores[name].within for name in BASELINES), 3),
        "within_auc": round(ours.within, 3),
        "within_low_auc": round(interval(repositories, within_shares(predicted[OURS]))[0], 3),
        "baseline_lift": round(max(scores[name].lift for name in BASELINES), 2),
        "lift": round(ours.lift, 2),
        "lift_low": round(interval(repositories, lift_shares(predicted[OURS]))[0], 2),
    }


def _sparse(blocks: Sequence[Block]) -> dict[str, float]:
    """The same difference where few are kept; nothing where that leaves fewer than two repositories."""
    few = [block for block in blocks if _share(block.log) <= SPARSE]
    if len({block.log.repository for block in few}) < 2:
        return {}
    predicted = predictions(few)
    best = _best({name: score(of) for name, of in predicted.items()})
    low, high = interval([block.log.repository for block in few], loss_shares(predicted[OURS], predicted[best]))
    saved = score(predicted[best]).log_loss - score(predicted[OURS]).log_loss
    return {
        "sparse_saved_nats": round(saved, 4),
        "sparse_low_nats": round(-high, 4),
        "sparse_high_nats": round(-low, 4),
    }


def _share(log: Log) -> float:
    return sum(row.tried.kept for row in log.rows) / len(log.rows)


def _best(scores: Mapping[str, Score]) -> str:
    """The baseline of the least log-loss."""
    return min(BASELINES, key=lambda name: scores[name].log_loss)


def _alarms(found: Sequence[Log]) -> dict[str, float]:
    repeats, odd = alarms.repeats(found), alarms.planted_oddities(found).values()
    ratios = alarms.noise_ratios(found)
    flagged, wanted = alarms.read_oddities(found)
    hits, all_planted = sum(one.hits for one in odd), sum(one.hits + one.missed for one in odd)
    return {
        "repeats_recall_percent": round(100 * repeats.recall, 1),
        "repeats_precision_percent": round(100 * repeats.precision, 1),
        "noise_logs": len(ratios),
        "noise_factor": round(alarms.middle([max(ratio, 1 / ratio) for ratio in ratios]), 2),
        "planted_percent": round(100 * hits / all_planted, 1),
        "false_percent": round(100 * sum(one.false for one in odd) / all_planted, 1),
        "read_odd": wanted,
        "read_flagged": flagged,
    }


def _table(predicted: Mapping[str, Sequence[Predicted]]) -> list[Sequence[str]]:
    scores = {name: score(of) for name, of in predicted.items()}
    best = _best(scores)
    rows: list[Sequence[str]] = [HEADER]
    for name, one in scores.items():
        repositories = [each.repository for each in predicted[name]]
        low, high = interval(repositories, loss_shares(predicted[name], predicted[best]))
        less = "" if name == best else f"{one.log_loss - scores[best].log_loss:+.4f} ({low:+.4f} to {high:+.4f})"
        rows.append((name, f"{one.log_loss:.4f}", f"{one.auc:.2f}", f"{one.within:.3f}", f"{one.lift:.2f}", less))
    return rows
