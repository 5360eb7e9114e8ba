"""Faces of Pincite: a chat window and the `pincite` command. They render and decide nothing."""
