"""Every folder has its place among the layers, and no import points up, be it of types alone or inside a function."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
CONTRACTS = PROJECT["tool"]["importlinter"]["contracts"]
LAYERS = [
    [name.strip() for name in layer.replace("|", ":").split(":")]
    for contract in CONTRACTS
    if contract["type"] == "layers"
    for layer in contract["layers"]
]
RANK = {name: rank for rank, layer in enumerate(LAYERS) for name in layer}
SOURCES = [
    path
    for top in ("flows", "frontburner", "tasks", "storage", "system")
    for path in sorted((ROOT / top).rglob("*.py"))
]


def module_of(path: Path) -> str:
    """Name of a module by its file."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def rank_of(module: str) -> int | None:
    """Place of a module among the layers, the highest first; None for the packages that hold folders alone."""
    while module and module not in RANK:
        module = module.rpartition(".")[0]
    return RANK.get(module)


def imports(tree: ast.AST) -> set[str]:
    """All modules that are imported anywhere in a module."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{name.name}" for name in node.names}
        elif isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
    return found


def test_every_module_is_in_a_layer() -> None:
    roots = {"frontburner", "tasks"}
    assert [module for path in SOURCES if (module := module_of(path)) not in roots and rank_of(module) is None] == []


def test_nothing_is_left_out_of_the_contracts() -> None:
    for contract in CONTRACTS:
        assert not contract.keys() & {"ignore_imports", "allow_indirect_imports", "exclude_type_checking_imports"}
    assert "exclude_type_checking_imports" not in PROJECT["tool"]["importlinter"]


def test_no_import_points_up() -> None:
    public = ROOT / "frontburner" / "__init__.py"  # gives the names of higher layers; nothing else imports from it
    up = []
    for path in SOURCES:
        here = rank_of(module_of(path))
        for name in imports(ast.parse(path.read_text())):
            there = rank_of(name)
            if path != public and here is not None and there is not None and there < here:
                up.append(f"{module_of(path)} imports {name}")
    assert not up


def test_text_files_have_the_same_encoding_on_every_system() -> None:
    local = []  # Python's own choice is Windows' code page
    for path in SOURCES:
        if path.is_relative_to(ROOT / "system"):  # it reads what is of one system
            continue
        calls = (node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call))
        local += [f"{path.relative_to(ROOT)}:{call.lineno}" for call in calls if _has_no_encoding(call)]
    assert local == []


def _has_no_encoding(call: ast.Call) -> bool:
    name = call.func.attr if isinstance(call.func, ast.Attribute) else ""
    values = [argument.value if isinstance(argument, ast.Constant) else "…" for argument in call.args]
    texts = (name == "read_text" and not values) or name == "write_text"
    opened = name in ("open", "NamedTemporaryFile") and values[:1] and values[0] in ("r", "w", "a", "x")
    return bool(texts or opened) and not any(keyword.arg == "encoding" for keyword in call.keywords)


def test_one_package_knows_operating_systems() -> None:
    elsewhere = [path for path in SOURCES if not path.is_relative_to(ROOT / "system") and "inside" not in path.parts]
    asking = re.compile(r"\bsys\.platform\b|\bos\.name\b|^import (?:fcntl|msvcrt|resource|win32\w+)\b", re.MULTILINE)
    assert [str(path.relative_to(ROOT)) for path in elsewhere if asking.search(path.read_text())] == []
