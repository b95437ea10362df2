"""Methods of fine-tuning: which weights and data a training uses, one file each."""
