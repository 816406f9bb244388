"""A programmable switch (PISA): programs, their place and cost on a chip, and two engines that run them."""
