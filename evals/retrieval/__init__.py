"""How well and how fast passages are found, beside other retrievers: `python -m evals.retrieval`."""
