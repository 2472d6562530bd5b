"""JSON lines: one point a line, the time first; a line before them says which columns there are."""
