"""The hardware latency model at run time: how long iterations and prefills take."""
