"""What a programmable switch does to packets: PISA programs placed on a chip, their cost, and two engines that run them."""
