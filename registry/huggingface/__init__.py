"""The Hugging Face Hub as a registry: one repository a name, one tag a version."""
