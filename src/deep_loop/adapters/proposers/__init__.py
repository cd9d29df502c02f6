"""Proposers: who thinks of changes. Each implements `ports.Proposer`.

tuner           Bayesian optimisation over upper-case constants; the rooms below are its parts
tuner_trials      what earlier experiments say of every setting
tuner_space       what can be moved, how far, and in which coordinate
tuner_orders      hypotheses and combinations of the outer tier, which come first
tuner_search      one promising move
tuner_tpe         where a value is drawn from: Optuna's TPE inside a trust region
tuner_model       what a move is expected to bring, with its uncertainty
"""
