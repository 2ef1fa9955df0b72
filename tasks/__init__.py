"""What happens on a node: from a frozen unit spec to pixels, stitched and encoded. Plans nothing."""
