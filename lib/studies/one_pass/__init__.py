"""The one-pass network: its scenes, its training, and how good it is on what it has not seen."""
