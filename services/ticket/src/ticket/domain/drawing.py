"""What is drawn from the table of verbs: the document, and the rows that the web app's mock goes by.

Usage: python -m ticket.domain.drawing   writes services/ticket/VERBS.md and web/mock/rules.ts
"""

import json
from pathlib import Path

from ticket.domain.facts import LIVE, Status
from ticket.domain.verbs import FOR_ATTENDANTS, TABLE, Rule, Standing, rule_for

HEAD = """# The table of verbs

Drawn from `domain/verbs.py` by `make proto`; a test keeps it current. `=` stays as it is.

## What each verb does
| verb | from | → status | holder | released | awaiting | new message | counted | who |
| --- | --- | --- | --- | --- | --- | --- | --- | --- |
"""
MIDDLE = """
What changes the mark of a new message alone is not counted. Closing ends every release and takes the mark
away. Whatever is counted and leaves a ticket `CREATED` makes it `OPEN` (*firstInteraction*).

## Who may use which
A member of its level: on a ticket that nobody holds, on their own, and on one that its holder released. A supervisor of
its department: on a colleague's, too.

| status | unheld | mine | mine, released | a colleague's, released | as supervisor, a colleague's |
| --- | --- | --- | --- | --- | --- |
"""
MOCK = """// Drawn from services/ticket/src/ticket/domain/verbs.py by `make proto`: what attendants use.
export const RULES = [
"""
SITUATIONS = {
    "unheld": (False, False, False, True, False),
    "mine": (True, True, False, True, False),
    "mine, released": (True, True, True, True, False),
    "a colleague's, released": (True, False, True, True, False),
    "as supervisor, a colleague's": (True, False, False, False, True),
}


SERVICE = Path(__file__).resolve().parents[3]


def drawings() -> dict[Path, str]:
    """What each file must hold."""
    return {
        SERVICE / "VERBS.md": HEAD + "".join(map(row, TABLE)) + MIDDLE + "".join(map(situations, Status)),
        SERVICE.parents[1] / "web/mock/rules.ts": MOCK + "".join(map(mocked, TABLE)) + "] as const;\n",
    }


def row(rule: Rule) -> str:
    cells = [
        rule.verb,
        sources(rule),
        rule.to,
        rule.holder,
        rule.released,
        rule.awaiting,
        rule.mark,
        "yes" if rule.counted else "no",
        ", ".join(sorted(rule.who)) or "–",
    ]
    return f"| {' | '.join(cells)} |\n"


def sources(rule: Rule) -> str:
    if not rule.sources:
        return "–"
    names = {frozenset(LIVE): "any live", frozenset(Status): "any"}
    shown = names.get(rule.sources) or " ".join(status for status in Status if status in rule.sources)
    return f"{shown}, {rule.needs}" if rule.needs else shown


def situations(status: Status) -> str:
    cells = []
    for held, mine, released, member, supervisor in SITUATIONS.values():
        at = Standing(status, held, mine, released, member, supervisor)
        possible = held or status is not Status.STARTED
        verbs = [verb for verb in FOR_ATTENDANTS if rule_for(verb, at)]
        cells.append(" ".join(verbs) if possible and verbs else "–")
    return f"| {status} | {' | '.join(cells)} |\n"


def mocked(rule: Rule) -> str:
    if not rule.who:
        return ""
    said = {
        "verb": rule.verb,
        "kind": rule.kind,
        "from": [status for status in Status if status in rule.sources],
        "needs": rule.needs,
        "who": sorted(rule.who),
        "to": rule.to,
        "holder": rule.holder,
        "released": rule.released,
        "awaiting": rule.awaiting,
        "mark": rule.mark,
    }
    return f"  {json.dumps(said)},\n"


if __name__ == "__main__":
    for path, text in drawings().items():
        path.write_text(text)
