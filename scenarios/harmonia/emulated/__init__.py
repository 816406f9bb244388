"""Harmonia between real processes: the simulator's nodes on emulated hosts, the switch in the kernel, real Redis."""
