"""Where models and datasets come from, and whom to cite for them."""
