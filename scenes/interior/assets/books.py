"""The bookcase and its books."""

from __future__ import annotations

import numpy as np

from .forms import box, brick
from .mesh import Array, Mesh, merged, rotation


def shelf() -> None:
    """Open bookcase (origin at its left rear foot), its books, and two more for the table."""
    width, depth, height, board = 1.0, 0.32, 2.06, 0.026
    boards = [box((0, 0, 0), (board, height, depth)), box((width - board, 0, 0), (width, height, depth))]
    levels = (0.10, 0.50, 0.88, 1.26, 1.64, height - board)
    for y in levels:
        boards.append(box((board, y, 0.004), (width - board, y + board, depth - 0.006)))
    merged(boards).save("shelf", uvs=True)

    rng = np.random.default_rng(21)
    books: list[Mesh] = []
    paper = (15.5 / 16, 0.5)

    def book(origin: Array, size: Array, colour: int, matrix: Array) -> None:
        cover = ((colour + 0.5) / 16, 0.5)
        thick, tall, deep = size
        parts = [
            brick((0, 0, 0.004), (thick, tall, deep), cover),
            brick((0.0025, 0.003, 0), (thick - 0.0025, tall + 0.0005, deep - 0.003), paper),
        ]
        books.append(merged(parts).transformed(matrix, origin))

    runs = ((1, 0.04, 0.42), (2, 0.40, 0.95), (3, 0.04, 0.55), (4, 0.34, 0.92))
    for level, start, stop in runs:
        x = start
        while x < stop:
            thick = rng.uniform(0.020, 0.048)
            tall = rng.uniform(0.19, 0.27)
            deep = rng.uniform(0.15, 0.2)
            z = 0.275 - deep
            book(
                np.array([x, levels[level] + board, z]),
                np.array([thick, tall, deep]),
                int(rng.integers(0, 14)),
                np.eye(3),
            )
            x += thick + 0.0012
    # A lying pile on the shelf; below, one for the coffee table, centred on the origin.
    y = levels[1] + board
    for thick, colour in ((0.035, 3), (0.026, 9), (0.03, 1)):
        lying = rotation("z", 90)
        book(np.array([0.84, y, 0.06]), np.array([thick, 0.26, 0.2]), colour, lying)
        y += thick
    merged(books).save("books", normals=False, uvs=True)
    books.clear()
    y = 0.0
    for thick, colour, turn in ((0.032, 4, 0.0), (0.024, 0, 11.0)):
        matrix = rotation("y", turn) @ rotation("z", 90)
        book(
            matrix @ np.array([0.0, -0.14, -0.1]) + np.array([0, y, 0]),
            np.array([thick, 0.28, 0.2]),
            colour,
            matrix,
        )
        y += thick
    merged(books).save("book_pile", normals=False, uvs=True)
