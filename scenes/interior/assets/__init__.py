"""Makes the meshes and textures of the sample interior: `python -m scenes.interior.assets` in the checkout.

Everything is procedural and seeded: a second run writes the same bytes, beside the scene's parts. Lengths are metres,
y is up. Needs numpy and pillow only.
"""
