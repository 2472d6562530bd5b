"""Processing output: JSON files with the records of one stream each; their README defines the format."""
