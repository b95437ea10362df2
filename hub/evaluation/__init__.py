"""How good a model is: errors, tables and plots."""
