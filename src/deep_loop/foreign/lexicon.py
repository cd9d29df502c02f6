"""The words of column names, as logs of experiments have them."""

from __future__ import annotations

from collections.abc import Mapping

from deep_loop.core.metric import Direction


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Which way is better, where the word leaves no doubt, and where it is a hint.
SURE: Mapping[Direction, frozenset[str]] = {
    Direction.MINIMIZE: _words(
        """bpb bpc bpt loss nll perplexity ppl rmse mae mse mape rmsle smape error err errors wer cer fvu fid l1 l2 kl
        latency regret brier eer ece divergence distance logloss crossentropy ce mpjpe epe nmse rrmse violations misses
        failures entropy makespan"""
    ),
    Direction.MAXIMIZE: _words(
        """acc accuracy auc auroc auprc roc f1 fbeta precision recall map ndcg mrr bleu rouge r2 iou dice psnr ssim kge
        nse mcc kappa throughput speedup tps qps rps fps iops tflops gflops mflops flops mfu elo bandwidth green winrate
        correlation corr pearson spearman"""
    ),
}
HINTED: Mapping[Direction, frozenset[str]] = {
    Direction.MINIMIZE: _words(
        """time duration seconds secs sec runtime elapsed ms us µs μs ns memory mem vram rss size bytes kb mb gb cost
        usd price energy joules watts power allocs cycles instructions lines loc gap penalty bias drawdown objective
        tokens minutes hours wall latencies p50 p90 p95 p99"""
    ),
    Direction.MAXIMIZE: _words(
        """score sharpe sortino calmar reward return returns profit pnl gain utility fitness rating quality success
        passed pass solved resolved tests coverage hit hits similarity win wins points reads ops alpha improvement match
        em top1 top5 speed roi cagr likelihood elbo"""
    ),
}

PRIMARY = _words("metric primary_metric primary objective fitness value score composite_score")  # whole names
HELD_OUT = _words("val valid validation test eval dev holdout cv oof")  # what a study improves is measured on
SPEED = _words("throughput latency tps qps rps fps iops bandwidth mfu flops")  # improved, or told beside
COUNTED = _words(  # in a second, as in `tok_s`
    """tok toks token tokens op ops req reqs request requests sample samples image images img frame frames step steps
    it iter iters gb mb query queries row rows item items example examples game games file files edge edges"""
)
BESIDE = _words(  # numbers that stand beside the metric
    """id idx index run iter iteration iterations step steps epoch epochs seed round gen generation trial number no num
    n k timestamp ts date time day created exit code layers layer depth width dim params param parameters batch lr wd
    train training wall elapsed duration seconds secs sec s minutes hours runtime eval build compile ms memory mem vram
    rss ram peak gb mb kb gib mib bytes size artifact total tokens tok tps per mfu util utilization cost usd price watts
    energy joules power clock mhz temperature count confidence tier segment version session fold noise q25 q75 median
    quant quantized raw workers threads gpu gpus cpu expansion factor ratio overhead trades limit budget margin low high
    lower upper improvement change"""
)
NOT_OWN = _words(  # not the run's own result on the data that count
    """train training baseline base parent prev previous start delta diff change lineage std stdev stderr var variance
    ci min max q25 q75 pre reference threshold target so"""
)
NO_RUN = _words("per tok step eval build compile baseline agent llm budget left")  # times that are no run's
COUNTERS = _words("id iteration iter step epoch seed timestamp ts run")  # at the end of a name
