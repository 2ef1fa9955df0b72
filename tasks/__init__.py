"""What runs on a node: units are rendered, stored, stitched and encoded. Nothing is planned here."""
