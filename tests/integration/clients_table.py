"""The README's tables of clients, which `test_clients.py` makes from what it has seen."""

from tools.gateway import PROJECT

README = PROJECT / "README.md"
BEGIN, END = "<!-- written by `make clients` -->\n", "<!-- to here -->"
NOT_APPLICABLE = "–"


def render(head, columns, rows):
    """A table as Markdown. Each row: the cells below `head`, and the others by column."""
    lines = [[*head, *columns], ["---"] * (len(head) + len(columns))]
    lines += [[*cells, *(seen.get(name, NOT_APPLICABLE) for name in columns)] for cells, seen in rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def current():
    """The tables as they stand in the README."""
    return _split()[1]


def write(tables):
    """Put the tables into the README."""
    before, _, after = _split()
    README.write_text(f"{before}{BEGIN}{tables}{END}{after}")


def _split():
    before, rest = README.read_text().split(BEGIN)
    tables, after = rest.split(END)
    return before, tables, after
