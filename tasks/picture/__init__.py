"""From tiles to pictures: stitched, denoised, encoded, inspected, and made into contact sheets and movies."""
