"""The names of all policies, without the solvers behind them (`scenarios.checkmate.portfolio` has those)."""

from typing import Literal

Policy = Literal[
    "checkpoint_all",
    "chen_sqrt",
    "chen_greedy",
    "griewank",
    "ap_sqrt",
    "ap_greedy",
    "linearized_sqrt",
    "linearized_greedy",
    "lp_rounding",
    "greedy",
    "dtr",
    "portfolio",
    "exact",
]
