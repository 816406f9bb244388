"""Real packets between real processes. Knows `sim`, knows no scenario and no hardware model.

A run happens in a *room* (`isolation`): one process in namespaces of its own, with which everything goes away that the
run made. In it a `session` builds a rack on Mininet, hosts around one switch (`topology`), and puts a data plane into
the switch (`planes`): a program in the kernel (`bpf`), a packet function in user space (`soft_switch`), or Open
vSwitch. A `deployment` says which sans-IO nodes run on which host; one process a host carries out what they want done
(`host`). `needs` says what is missing, `links` measures what was built, `usage` whether the machine was the bottleneck.
"""
