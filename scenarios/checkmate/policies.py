"""The names of all policies, without the solvers behind them (`scenarios.checkmate.portfolio` has those).

Their order is that of their colours on every page: the ones people compare most come first.
"""

from typing import Literal

Policy = Literal[
    "portfolio",
    "linearized_greedy",
    "lp_rounding",
    "ap_greedy",
    "linearized_sqrt",
    "dtr",
    "ap_sqrt",
    "checkpoint_all",
    "exact",
    "greedy",
    "chen_sqrt",
    "chen_greedy",
    "griewank",
    "offload",
    "offload_and_recompute",
    "intervals",
]
#: Those that copy values to the host and back.
PAGING: tuple[Policy, ...] = ("offload", "offload_and_recompute")
