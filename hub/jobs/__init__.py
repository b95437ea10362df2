"""Work in many processes or on a cluster, and work that the next process resumes after a kill."""
