"""Recipes, the training loop, and fine-tuning."""
