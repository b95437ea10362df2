"""Run tasks in many processes or on a cluster, and resume work after a kill."""
