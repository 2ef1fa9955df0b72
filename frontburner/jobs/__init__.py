"""The job document: its fields and their syntax, its templates, identity and layout."""
