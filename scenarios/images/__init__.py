"""Images to train on, for every scenario that trains: a library of data sets, not a scenario itself.

`load.load(name, random)` gives any of them. Scenarios may import this package; it imports none of them.
"""
