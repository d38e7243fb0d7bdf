"""Statements of chance: a grammar writes shapes with the catalogue's placeholders, so that one renderer fills both.

Nothing here is clever on purpose: clauses are put together without asking whether anybody would write that.
"""

from __future__ import annotations

import random

from world import World

GRAMMAR_SHARE = 0.3
"""So much of a script is of chance; the rest is the catalogue's."""
FUZZ_SHARE = 0.08
"""So many statements of chance have their text torn, glued or dressed up."""


class Grammar:
    """Writes one statement as a template."""

    def __init__(self, world: World, rng: random.Random):
        self.world, self.rng = world, rng
        self.postgres = world.dialect == "postgresql"
        self.roles = {table.role for table in world.tables}
        self.count = 0
        self.features: list[str] = []
        """What the statement uses that a counter-example may be about, for its name."""

    def one_of(self, *choices: str) -> str:
        return self.rng.choice(choices)

    def chance(self, probability: float) -> bool:
        return self.rng.random() < probability

    def fresh(self) -> str:
        """A number behind a kind, so that another column may be taken."""
        self.count += 1
        return str(self.count)

    # Reads

    def select(self, depth: int = 0) -> str:
        if depth == 0 and self.chance(0.1):
            return self.set_operation()
        source, aliases = self.source(depth)
        grouped = self.chance(0.15)
        if grouped:
            self.features.append("group")
            key = self.column(aliases, "any")
            items = f"{key}, {self.one_of('count(*)', f'max({self.text(aliases)})', f'min({self.text(aliases)})', f'count(DISTINCT {self.text(aliases)})')}"
            tail = f" GROUP BY {key}" + (f" HAVING count(*) {self.one_of('>', '>=', '<')} {{n}}" if self.chance(0.4) else "")
        else:
            items, tail = self.items(aliases), ""
        where = self.where(aliases, depth)
        order = self.order(aliases) if not grouped else ""
        distinct = "DISTINCT " if self.chance(0.08) and not order else ""
        return f"SELECT {distinct}{items} FROM {source}{where}{tail}{order}{self.limit(order)}"

    def set_operation(self) -> str:
        word = self.one_of("UNION", "UNION ALL", "INTERSECT", "EXCEPT")
        self.features.append("set")
        return f"SELECT {{P.text}} FROM {{P}}{self.where(['P:'], 2)} {word} SELECT {{P.text}} FROM {{P}}{self.where(['P:'], 2)}"

    def source(self, depth: int) -> tuple[str, list[str]]:
        pick = self.rng.random()
        if pick < 0.45 or "C" not in self.roles:
            return "{P} p", ["P:p"]
        if pick < 0.6:
            return "{C} c", ["C:c"]
        if pick < 0.9 or depth:
            self.features.append("join")
            join = self.one_of("JOIN", "LEFT JOIN", "INNER JOIN", "RIGHT JOIN", "LEFT OUTER JOIN")
            extra = f" AND {self.condition(['C:c'], 2)}" if self.chance(0.25) else ""
            return f"{{P}} p {join} {{C}} c ON c.{{C.fk}} = p.{{P.key}}{extra}", ["P:p", "C:c"]
        return f"(SELECT * FROM {{P}}{self.where(['P:'], 2)}) p", ["P:p"]

    def column(self, aliases: list[str], kind: str) -> str:
        role, _, alias = self.rng.choice(aliases).partition(":")
        suffix = self.fresh() if self.chance(0.7) else ""
        return f"{{{role}.{kind}{suffix}{':' + alias if alias else ''}}}"

    def text(self, aliases: list[str]) -> str:
        return self.column(aliases, "text")

    def items(self, aliases: list[str]) -> str:
        if self.chance(0.08):
            return "*"
        return ", ".join(self.item(aliases) for _ in range(self.rng.randrange(1, 4)))

    def item(self, aliases: list[str]) -> str:
        pick = self.rng.random()
        if pick < 0.55:
            item = self.column(aliases, self.one_of("own", "own", "text", "any", "key"))
        elif pick < 0.62:
            self.features.append("coalesce")
            item = f"COALESCE({self.text(aliases)}, {self.text(aliases)})"
        elif pick < 0.7:
            self.features.append("case")
            item = f"CASE WHEN {self.condition(aliases, 2)} THEN {self.text(aliases)} ELSE {self.one_of(self.text(aliases), 'NULL', chr(39) + 'none' + chr(39))} END"
        elif pick < 0.76:
            self.features.append("concat")
            item = f"CONCAT({self.text(aliases)}, ' ', {self.text(aliases)})"
        elif pick < 0.82:
            item = f"{self.one_of('UPPER', 'LOWER', 'TRIM', 'LENGTH', 'MD5', 'REVERSE')}({self.text(aliases)})"
        elif pick < 0.86:
            item = f"NULLIF({self.text(aliases)}, {self.text(aliases)})"
        elif pick < 0.9:
            item = f"SUBSTR({self.text(aliases)}, {{n}}, 9)"
        elif pick < 0.94:
            item = f"{self.text(aliases)} IS NULL"
        else:
            self.features.append("window")
            item = f"{self.one_of('MAX', 'MIN', 'FIRST_VALUE', 'LAG')}({self.text(aliases)}) OVER (PARTITION BY {self.column(aliases, 'order')} ORDER BY {self.column(aliases, 'order')})"
        return item + (f" AS x{self.fresh()}" if self.chance(0.25) else "")

    def where(self, aliases: list[str], depth: int) -> str:
        if self.chance(0.25):
            return ""
        return " WHERE " + self.one_of(" AND ", " AND ", " OR ").join(self.condition(aliases, depth) for _ in range(self.rng.randrange(1, 4)))

    def condition(self, aliases: list[str], depth: int) -> str:
        role, _, alias = self.rng.choice(aliases).partition(":")
        tail = f":{alias}" if alias else ""
        kind = self.one_of("filter", "filter", "order", "onlytext", "text", "key") + self.fresh()
        column, value, other = f"{{{role}.{kind}{tail}}}", f"{{={role}.{kind}}}", f"{{={role}.{kind}@b}}"
        pick = self.rng.random()
        if pick < 0.4:
            made = f"{column} {self.one_of('=', '=', '<>', '<', '>', '<=', '>=')} {value}"
        elif pick < 0.5:
            made = f"{column} IN ({value}, {other})"
        elif pick < 0.57:
            made = f"{column} BETWEEN {value} AND {other}"
        elif pick < 0.66:
            made = f"{column} IS {self.one_of('', 'NOT ')}NULL"
        elif pick < 0.76:
            word = f"{role}.{self.one_of('text', 'onlytext')}{self.fresh()}"
            made = f"{{{word}{tail}}} {self.one_of('LIKE', 'NOT LIKE')} {{{self.one_of('~', '%')}{word}}}"
        elif pick < 0.82:
            word = f"{role}.onlytext{self.fresh()}"
            made = f"LOWER({{{word}{tail}}}) = LOWER({{={word}}})"
        elif pick < 0.9 and role == "P" and alias and depth < 2 and "C" in self.roles:
            made = f"{self.one_of('', 'NOT ')}EXISTS (SELECT 1 FROM {{C}} e WHERE e.{{C.fk}} = p.{{P.key}} AND e.{{C.filter9}} = {{=C.filter9}})"
        elif pick < 0.95 and role == "P" and depth < 2 and "C" in self.roles:
            made = f"{{P.key{tail}}} {self.one_of('', 'NOT ')}IN (SELECT {{C.fk}} FROM {{C}} WHERE {{C.fk}} IS NOT NULL AND {{C.filter8}} = {{=C.filter8}})"
        else:
            made = f"{{{role}.fint{tail}}} {self.one_of('>', '<', '=')} {{n}} * 10"
        return f"NOT ({made})" if self.chance(0.12) else made

    def order(self, aliases: list[str]) -> str:
        if self.chance(0.5):
            return ""
        keys = [self.column(aliases, self.one_of("order", "order", "key", "onlytext", "text")) + self.one_of("", "", " DESC", " ASC") for _ in range(self.rng.randrange(1, 3))]
        if self.chance(0.6):
            role, _, alias = aliases[0].partition(":")
            keys.append(f"{{{role}.key:{alias}}}" if alias else f"{{{role}.key}}")
        return " ORDER BY " + ", ".join(keys)

    def limit(self, order: str) -> str:
        if not self.chance(0.5 if order else 0.12):
            return ""
        self.features.append("limit")
        return " LIMIT {n}" + (" OFFSET {n2}" if self.chance(0.3) else "")

    # Writes

    def write(self) -> str:
        pick, returning = self.rng.random(), f" RETURNING {self.one_of('*', '{P.key}, {P.text}', '{P.own}')}" if self.postgres and self.chance(0.3) else ""
        if pick < 0.35:
            return f"UPDATE {{P}} SET {{P.text}} = {{new:P.text}} WHERE {self.condition(['P:'], 2)} AND {{P.key}} = {{=P.key}}{returning}"
        if pick < 0.7:
            return f"UPDATE {{P}} SET {{P.filter}} = {{=P.filter@c}}{self.where(['P:'], 2)}{returning}"
        if pick < 0.85 or "C" not in self.roles:
            return "INSERT INTO {P} {insert:P}" + returning
        return f"DELETE FROM {{C}}{self.where(['C:'], 2)}" + (" RETURNING {C.text}" if returning else "")


def tear(template: str, rng: random.Random, postgres: bool) -> str:
    """Dresses a statement up or breaks it, as a fuzzer would."""
    pick = rng.randrange(6)
    words = template.split(" ")
    if pick == 0:
        return "/**/".join(words[:3]) + " " + " ".join(words[3:])
    if pick == 1:
        return "".join(letter.swapcase() if "{" not in word else letter for word in words for letter in word + " ").strip()
    if pick == 2:
        return template + rng.choice([" -- end", ";", " /* x */", ";;", " --"])
    if pick == 3:
        del words[rng.randrange(len(words))]
        return " ".join(words)
    if pick == 4:
        return template.replace(" ", rng.choice(["\n", "\t", "  "]), 3)
    return template.replace("SELECT", "SELECT /* ' */" if postgres else "SELECT /*! SQL_NO_CACHE */", 1)


def chance_template(world: World, rng: random.Random, mix: str) -> tuple[str, str, bool]:
    """Name, template and whether it writes."""
    grammar = Grammar(world, rng)
    if mix != "reads" and rng.random() < 0.12:
        return "grammar/write", grammar.write(), True
    template = grammar.select()
    if rng.random() < FUZZ_SHARE:
        return "grammar/fuzz", tear(template, rng, world.dialect == "postgresql"), False
    return "grammar/" + ("-".join(sorted(set(grammar.features))) or "plain"), template, False
