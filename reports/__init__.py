"""Reports: from the records of a run directory to tables and figures. Imports no torch, no task."""
