"""What belongs to the files of one paper or project."""
