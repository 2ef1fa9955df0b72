"""Which nodes of a tree lead to its output: the others change nothing."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from .dependencies import animated_paths

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_GROUP_OUTPUT, _GROUP_INPUT = "GROUP_OUTPUT", "GROUP_INPUT"


class Reached:
    """The nodes that lead to the outputs of trees, over all groups they are in."""

    def __init__(self) -> None:
        self.nodes: dict[int, tuple[Any, Any]] = {}
        """A tree and a node in it, by the node's address."""
        self._callers: dict[int, list[tuple[Any, Any]]] = defaultdict(list)
        """The trees and group nodes, or the modifiers (with no node), that use a tree, by its address."""
        self._groups: dict[tuple[int, str], set[str]] = {}
        self._links: dict[int, dict[int, list[Any]]] = {}

    def add_shader(self, data: Any) -> None:
        """Follow the tree of a material, world or light from the output that Cycles uses, if it has one."""
        tree = data.node_tree if data.use_nodes else None
        output = tree.get_output_node("CYCLES") if tree else None
        if output is not None:
            self._add(tree, output)
            self._trace(tree, output.inputs)

    def add_geometry(self, tree: Any, modifier: Any) -> set[str]:
        """Follow the tree of a modifier; returns the identifiers of its inputs that count."""
        self._callers[tree.as_pointer()].append((modifier, None))
        found: set[str] = set()
        for output in _group_outputs(tree):
            self._add(tree, output)
            found |= self._trace(tree, output.inputs)
        return found

    def texts_of(self, tree: Any, socket: Any) -> list[tuple[Any, str]] | None:
        """Return the owners of the texts that a socket can have, each with its property; None if they are computed."""
        links = self._links_of(tree).get(socket.as_pointer(), [])
        if not links:
            return [(socket, "default_value")]
        node, output = links[0].from_node, links[0].from_socket
        if node.bl_idname == "FunctionNodeInputString":
            return [(node, "string")]
        if node.type == "REROUTE":
            return self.texts_of(tree, node.inputs[0])
        if node.type != _GROUP_INPUT:
            return None
        texts: list[tuple[Any, str]] = []
        for caller, group in self._callers[tree.as_pointer()]:
            if group is None:
                found = [(caller, output.identifier)] if output.identifier in caller.keys() else None  # noqa: SIM118
            else:
                inputs = [each for each in group.inputs if each.identifier == output.identifier]
                found = self.texts_of(caller, inputs[0]) if inputs else None
            if found is None:
                return None
            texts += found
        return texts

    def _add(self, tree: Any, node: Any) -> None:
        self.nodes[node.as_pointer()] = (tree, node)

    def _links_of(self, tree: Any) -> dict[int, list[Any]]:
        """Return the links of a tree that count, by the address of the socket they lead to."""
        address = tree.as_pointer()
        if address not in self._links:
            self._links[address] = links = defaultdict(list)
            for link in tree.links:
                if link.is_valid and not link.is_muted:
                    links[link.to_socket.as_pointer()].append(link)
        return self._links[address]

    def _trace(self, tree: Any, sockets: Iterable[Any]) -> set[str]:
        """Follow links backwards from sockets; returns the identifiers of the tree's own inputs they come from."""
        links, found, seen = self._links_of(tree), set(), set()
        animated = bool(animated_paths(tree))
        waiting = list(sockets)
        while waiting:
            socket = waiting.pop()
            if socket.as_pointer() in seen:
                continue
            seen.add(socket.as_pointer())
            for link in links.get(socket.as_pointer(), ()):
                node, output = link.from_node, link.from_socket
                if node.type == _GROUP_INPUT:
                    found.add(output.identifier)
                elif node.mute:
                    waiting += [way.from_socket for way in node.internal_links if way.to_socket == output]
                else:
                    self._add(tree, node)
                    waiting += self._inputs(tree, node, output, animated=animated)
        return found

    def _inputs(self, tree: Any, node: Any, output: Any, *, animated: bool) -> Iterator[Any]:
        """List the inputs of a node on which one of its outputs depends."""
        group = getattr(node, "node_tree", None) if node.type == "GROUP" else None
        if group is not None:
            inner = self._inputs_of_group(group, output.identifier)
            self._callers[group.as_pointer()].append((tree, node))
            yield from (each for each in node.inputs if each.identifier in inner)
        elif node.type == "MIX_SHADER" and not animated and not node.inputs[0].is_linked:
            factor = node.inputs[0].default_value
            yield from node.inputs[1 + (factor >= 1.0) : 3 - (factor <= 0.0)]
        else:
            yield from node.inputs
            for other in tree.nodes if node.type.endswith("_OUTPUT") else ():
                if getattr(other, "paired_output", None) == node:  # the zone's beginning
                    self._add(tree, other)
                    yield from other.inputs

    def _inputs_of_group(self, group: Any, identifier: str) -> set[str]:
        key = (group.as_pointer(), identifier)
        if key not in self._groups:
            self._groups[key] = set()  # while it is followed: a group can't be in itself
            for output in _group_outputs(group):
                sockets = [each for each in output.inputs if each.identifier == identifier]
                self._groups[key] |= self._trace(group, sockets)
        return self._groups[key]


def text_at(holder: Any, name: str) -> str:
    """Return the text of a property, or of an input of a modifier."""
    return str(getattr(holder, name) if hasattr(holder, name) else holder[name])


def _group_outputs(tree: Any) -> list[Any]:
    return [node for node in tree.nodes if node.type == _GROUP_OUTPUT and node.is_active_output]
