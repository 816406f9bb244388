"""Networks: what it takes messages to get from one host to another, and hosts to serve them."""
