"""NOPaxos: the network orders requests, and replicas only agree on which of them were lost.

Li, Michael, Sharma, Szekeres and Ports, "Just Say NO to Paxos Overhead", OSDI 2016; Harmonia's additions from Zhu et
al., section 6 (read-behind: a replica executes synchronised requests only, and may lag).

1. The switch stamps every write and every normal read with its session (its id) and the next message number, and sends
   it to all replicas. A replica appends what comes in order, and votes: it tells the client view, slot, and if it leads
   the view the result. A request is done when a majority with the leader in it voted for one slot in one view.
2. Only the leader executes at once. What it executes before it is synchronised lies *ahead* of its store and is thrown
   away when the view changes.
3. Who misses a message number asks the leader. A leader who misses it makes the slot a NO-OP: on a majority, before it
   goes on. A replica overwrites what it may hold there.
4. A view has a leader number and a session, and changes when the leader is silent or when a switch with a larger id
   stamps. The new leader merges the logs of those who were in the latest normal view: slot by slot, a NO-OP wins.
   A replica never takes part in a view before it holds that view's log.
5. The leader synchronises every so often: SYNC-PREPARE names a slot up to which a follower's log shall be the leader's
   (and which slots are NO-OPs); when a majority has it, SYNC-COMMIT lets everybody execute that far. The stamp of the
   last request executed so is what single-replica reads are checked against.
6. A write's completion goes to the switch when a majority has executed it. A plain sequencer ignores completions.

A retry is a request like any other, with a slot of its own; the client table keeps it from being applied twice. Logs
survive a crash here: what a crashed replica loses is time.
"""

from scenarios.harmonia.nopaxos.messages import View, Vote
from scenarios.harmonia.nopaxos.normal import NOPaxosTimers, route
from scenarios.harmonia.nopaxos.view_change import NOPaxosReplica

__all__ = ["NOPaxosReplica", "NOPaxosTimers", "View", "Vote", "route"]
