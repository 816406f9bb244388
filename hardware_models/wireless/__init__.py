"""What a radio link does to packets: fading, block errors per rate, stale feedback, retransmissions, queues."""
