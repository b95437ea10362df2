"""Write ``front_matters.json``, the cards in a form that is read quickly; run after a change."""

from pathlib import Path

from registry.cards import write_front_matters

if __name__ == "__main__":
    write_front_matters(Path(__file__).parent)
