"""The engine and the shared vocabulary of ivif-bench; it knows no method, metric or network by name."""
