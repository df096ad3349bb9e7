"""Which pools and links there are (semantics, "Tiers and links")."""

from dataclasses import dataclass

from tests.reference.description import MemorySpec, TierSpec
from tests.reference.events import Events
from tests.reference.tiers.links import Link, Source
from tests.reference.tiers.shelf import Shelf

TIERS = ("dram", "cxl")


@dataclass
class Way:
    """To a pool and back from it."""

    shelf: Shelf
    down: Link
    up: Link | None


class Topology:
    """Pools below HBM, and the links between them and the instances.

    Attributes:
        links: All of them; a link's number is its place here.
        shelves: Pools by tier.
        ways: By where they begin and the tier.
        peers: The link from the other instances to each one; none if there are no such links.
    """

    def __init__(self, spec: MemorySpec, n_instances: int, events: Events) -> None:
        self.spec = spec
        self.events = events
        self.links: list[Link] = []
        self.shelves = {
            tier.kind: [
                Shelf(tier.blocks, int(tier.watermark * tier.blocks), tier.batch_share)
                for _ in range(max(tier.pool_of) + 1)
            ]
            for tier in spec.tiers
        }
        self.ways: dict[tuple[str, int, str], Way] = {}
        for tier in spec.tiers:
            for i, pool in enumerate(tier.pool_of):
                down, up = self.link(tier.down_bytes_per_s, tier), self.link(tier.up_bytes_per_s, tier)
                self.ways["hbm", i, tier.kind] = Way(self.shelves[tier.kind][pool], down, up)
        if len(spec.tiers) == 2:
            upper, lower = spec.tiers
            for pool in sorted(set(upper.pool_of)):
                shelf = self.shelves["cxl"][lower.pool_of[upper.pool_of.index(pool)]]
                self.ways["dram", pool, "cxl"] = Way(shelf, self.link(lower.from_above_bytes_per_s, lower), None)
        peer = spec.peer
        self.peers = [self.link(peer.up_bytes_per_s, peer) for _ in range(n_instances)] if peer is not None else []

    def link(self, bytes_per_s: float, tier: TierSpec) -> Link:
        self.links.append(Link(len(self.links), bytes_per_s, tier, self.spec.block_bytes, self.events))
        return self.links[-1]

    def way_down(self, source: Source, kind: str) -> Way | None:
        """To a tier that is there and whose link down moves something."""
        way = self.ways.get((*source, kind))
        return way if way is not None and way.down.bytes_per_s > 0 else None

    def first_below(self, number: int) -> str | None:
        """The first tier below an instance to which something can be moved."""
        return next((kind for kind in TIERS if self.way_down(("hbm", number), kind)), None)

    def ways_up(self, number: int) -> list[tuple[Shelf, Link]]:
        """The pools from which an instance can bring something up, and by which link."""
        ways = [self.ways.get(("hbm", number, kind)) for kind in TIERS]
        return [
            (way.shelf, way.up) for way in ways if way is not None and way.up is not None and way.up.bytes_per_s > 0
        ]
