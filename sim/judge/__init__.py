"""Is a learned method worth it? The protocol of the dossier behind "A View on Deep RL in System Optimization".

The checklist of that paper (Haj-Ali et al., arXiv:1908.01275) made into numbers. Rules. Every method gets the same
number of *evaluations*, one evaluation being one complete episode of one instance; steps, events and CPU seconds
(of the agent and of the simulator apart) are counted beside them. Evaluation i of an instance meets the same random
workload whoever makes it. What a method has found is scored on workloads of their own that nobody trains on, at
points of a common grid of budgets. Scores are normalised: 0 is the mean of uniform choices, 1 the oracle, whose kind
(exact, bound, best known) is always said; nothing is clipped.

`problem` is what a decision problem is, `methods` who is compared, `play` an episode, `plan` which runs there are,
`ruler` and `learn` what the ordinary runner executes, `structure` what kind of problem it is (A11 to A14), `statistics`
the formulas, `readings` records as arrays, `scorecard` and `candidate` A1 to A18, `absent` what does not apply,
`verdict` the rule, `page` the report, `planted` problems whose right verdict is known.
"""
