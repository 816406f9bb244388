"""Viewstamped Replication: a leader puts every operation into one log, and a majority of replicas makes it last.

Liskov and Cowling, "Viewstamped Replication Revisited", MIT-CSAIL-TR-2012-021; Harmonia's additions from Zhu et al.,
section 6 (protocols that are read-behind: a replica applies committed writes only, and may lag).

1. The leader of view v is replica v modulo their number. It appends a request to its log and sends PREPARE; followers
   append in log order and answer PREPARE-OK; an entry that a majority holds is committed, and every replica executes
   committed entries in log order. Reads go through the log like writes, so they need no clock to be linearizable.
2. Entries are packets as they passed the switch. Stamps grow along the log: the leader refuses a write whose stamp is
   not above the last one's. A retry bears a stamp of its own and is an entry of its own; executing it is a matter of
   the client table, which says no to what was executed before.
3. A committed write with a stamp is announced at once by COMMIT, and followers answer COMMIT-ACK when they have
   executed it. The leader sends the write's completion when a majority has: not for safety, but so that few
   single-replica reads are refused.
4. A view changes when its leader is not heard of. A replica that has heard START-VIEW-CHANGE from a majority sends its
   log in DO-VIEW-CHANGE; the new leader goes on from the log of the latest normal view (the longest of those).
5. A replica never takes part in a view before it holds that view's log. One that missed START-VIEW keeps its old log
   until NEW-STATE brings the new one: were it to say that it was normal in the new view with a shortened log, the next
   view change could prefer that log to one that holds committed entries.
6. A replica that lost its memory asks all by RECOVERY with a nonce that it never used, and takes the log of the leader
   of the latest view among a majority of answers. Only its view number survives a crash, as in the protocol of 1988
   (Oki and Liskov, PODC): without it, a promise made in a view change could be forgotten.
"""

from scenarios.harmonia.viewstamped.normal import ViewstampedTimers, route
from scenarios.harmonia.viewstamped.view_change import ViewstampedReplica

__all__ = ["ViewstampedReplica", "ViewstampedTimers", "route"]
