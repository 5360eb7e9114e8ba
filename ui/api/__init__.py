"""Pincite for programs: an OpenAI-compatible chat endpoint, and a small typed API of its own, over HTTP."""
