"""Questions that take many trainings or dynamics to answer: learning curves and stability."""
