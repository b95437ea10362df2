"""The web catalogue: a static site with a page for every version."""
