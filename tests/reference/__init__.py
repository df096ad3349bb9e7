"""The slow, obvious simulator: docs/semantics.md again, one iteration at a time, importing nothing from the engine.

`loop` is the place to begin: the loop of events, and what happens at each. The parts stand in `world` and are:

* `programs`: the gateway, where programs are admitted and turns become ready, and the tools
* `routing`: where a turn goes, and how it gets from a prefill instance to a decode instance
* `batch`: an instance with its queue, its batch and its iterations, and how long these take
* `residency`: the KV blocks of an instance, pins, and what becomes of the KV that a turn leaves
* `tiers`: pools below HBM, the links to them, and what goes down
* `loads`: what comes up again, for a turn that waits or ahead of its use
* `rules`: who answers each kind of decision

`description` and `building` say what is simulated, `records` what is left behind, `checks` what holds after each event.
"""
