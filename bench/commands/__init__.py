"""The commands of ``ivif-bench``, one small file a group: parse, call, print."""
