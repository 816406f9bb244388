"""The machinery of windtunnel: it knows no hardware and no scenario."""
