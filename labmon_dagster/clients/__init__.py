"""What programs of the laboratories import: the names they know, over labmon's own rooms."""
