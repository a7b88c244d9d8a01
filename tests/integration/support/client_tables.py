"""The tables of docs/clients.md, which `test_client_matrix.py` generates."""

from tools.gateway import PROJECT

PAGE = PROJECT / "docs" / "clients.md"
BEGIN, END = "<!-- written by `make clients` -->\n", "<!-- to here -->"
NOT_APPLICABLE = "–"


def render(head, columns, rows):
    """A Markdown table. Each row is a pair: the cells under `head`, and the other cells by column name."""
    lines = [[*head, *columns], ["---"] * (len(head) + len(columns))]
    lines += [[*cells, *(seen.get(name, NOT_APPLICABLE) for name in columns)] for cells, seen in rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def current():
    """The tables in the page."""
    return _split()[1]


def write(tables):
    """Replace the tables in the page."""
    before, _, after = _split()
    PAGE.write_text(f"{before}{BEGIN}{tables}{END}{after}")


def _split():
    before, rest = PAGE.read_text().split(BEGIN)
    tables, after = rest.split(END)
    return before, tables, after
