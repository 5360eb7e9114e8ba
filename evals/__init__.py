"""How good the answers are, in numbers: reference questions in, a report out."""
