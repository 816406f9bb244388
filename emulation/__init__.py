"""Real packets between real processes. Knows `sim`, knows no scenario and no hardware model.

The switch-based systems are the first to live here; until they move in, the package only marks the
place that the layering contract guards.
"""
