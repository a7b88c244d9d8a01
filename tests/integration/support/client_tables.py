"""The tables of docs/clients.md, which `test_client_matrix.py` makes from what it has seen."""

from tools.gateway import PROJECT

PAGE = PROJECT / "docs" / "clients.md"
BEGIN, END = "<!-- written by `make clients` -->\n", "<!-- to here -->"
NOT_APPLICABLE = "–"


def render(head, columns, rows):
    """A table as Markdown. Each row: the cells below `head`, and the others by column."""
    lines = [[*head, *columns], ["---"] * (len(head) + len(columns))]
    lines += [[*cells, *(seen.get(name, NOT_APPLICABLE) for name in columns)] for cells, seen in rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def current():
    """The tables as they stand there."""
    return _split()[1]


def write(tables):
    """Put the tables there."""
    before, _, after = _split()
    PAGE.write_text(f"{before}{BEGIN}{tables}{END}{after}")


def _split():
    before, rest = PAGE.read_text().split(BEGIN)
    tables, after = rest.split(END)
    return before, tables, after
