"""Limits on the filter's cost. `make bench-check` fails if a measurement exceeds its limit."""

from dataclasses import dataclass

from .report import median, paired


@dataclass(frozen=True)
class Budget:
    """A limit and the measured value, or `None` if it was not measured."""

    title: str
    measured: float | None
    limit: float
    unit: str = "×"

    @property
    def holds(self):
        return self.measured is None or self.measured <= self.limit

    def __str__(self):
        verdict = "not measured" if self.measured is None else "within" if self.holds else "EXCEEDED"
        measured = "–" if self.measured is None else f"{self.measured:,.2f}"
        return f"{verdict:13} {measured:>9} of {self.limit:,.2f} {self.unit:12} {self.title}"


def budgets(results):
    """All budgets, with their values from `results`."""
    instructions, cpu = results["instructions"], results["cpu"]

    def ratio(case, base):
        return instructions[case]["instructions"] / instructions[base]["instructions"]

    event = instructions["stream-ours"]["instructions"] - instructions["stream-bare"]["instructions"]
    vm_mb = results["growth"]["vm_mb"]
    return [
        Budget("token cached / native with cache, instructions", ratio("ours", "native"), 1.10),
        Budget("the same with all access log fields", ratio("ours-logged", "native"), 1.10),
        Budget("token cached / native with cache, paired CPU", median(paired(cpu, "ours", "native")), 1.20),
        Budget("each token new / native without cache, instructions", ratio("ours-new", "native-new"), 1.05),
        Budget("Bedrock / native with cache, instructions", ratio("bedrock-ours", "bedrock-native"), 1.10),
        Budget("per stream event, above the bare router", event, 14_000, "instructions"),
        Budget("growth of all VMs after 21 uploads of 10 MB", vm_mb[-1] - vm_mb[0], 1.0, "MB"),
        Budget("size of the module", results["modules"]["ours"] / 1000, 700, "KB"),
    ]
