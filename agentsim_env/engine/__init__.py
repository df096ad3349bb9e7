"""The compiled engine, by module of a serving cluster; each folder's `__init__` says what is in it.

* `core`: what everything stands on: the state, the clock, lists, compilation, the kinds of decision
* `programs`: the program orchestrator and the tool simulator
* `routing`: the session-aware router, its rules, and work stealing
* `admission`: which programs may enter, and the rules for that
* `scheduling`: which turns join a batch and which leave it, and the rules for that
* `iteration`: how an instance forms its next iteration, by its mode
* `lanes`: how an instance with two lanes divides its GPU, and the rules for that
* `batch`: what is in the batch of an instance, and its runs of equal iterations
* `latency`: the hardware latency model at run time
* `residency`: which KV blocks are where, who locks them, and who pins them
* `retention`: what becomes of the KV of a turn that has ended, and the rules for that
* `eviction`: which idle KV goes when blocks are needed, and the rules for that
* `tiers`: pools below HBM (DRAM, CXL), the links to them, and what goes down
* `loads`: what comes up again, for a turn that waits or ahead of its use, and the rules for that
* `blueprint`: the parts of a simulation that do not depend on its workload, and the state that an episode begins with

`loop` runs a state, `settle` orders the decisions of a moment, `entry` is what Python calls; `tables` lists the rules
of every kind of decision.
"""
