"""What a user wants rendered: the job document, its fields as people write them, its templates and its layout."""
