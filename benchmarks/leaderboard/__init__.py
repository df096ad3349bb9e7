"""The leaderboard: results of benchmarks that were handed in, each played again in part before it is listed."""
