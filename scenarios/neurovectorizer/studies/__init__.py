"""Studies of NeuroVectorizer: policies, what-ifs, and the model against measurement."""
