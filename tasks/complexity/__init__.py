"""What a method costs: parameters, floating-point operations, time and memory of one pair."""

from ivif_bench.task import TaskSpec

SPECS = (
    TaskSpec(
        name="complexity",
        entry="ivif_bench.tasks.complexity.task:ComplexityTask",
        title="Complexity",
        order=40,
    ),
)
