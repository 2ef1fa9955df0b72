"""From tiles to pictures: stitched, denoised, encoded, inspected, and made into sheets and movies."""
