"""How good the reader that ships is, on what was kept aside from its training: `python -m evals.reader`."""
