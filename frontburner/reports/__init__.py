"""What a job came to, in figures, in words and as a chart: folds over its events."""
