"""What boxes that a detector found say beside AP: for tasks and for reports, without torch."""
