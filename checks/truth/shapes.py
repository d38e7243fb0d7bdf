"""The catalogue of shapes, and how a shape becomes statements about a world.

A shape is a block of `catalogue/*.sql`:

    -- NAME | FLAGS
    SQL, one step; a line `;;` begins the next step

FLAGS: `pg`, `mysql` (else both), `write` (changes the data), `ddl`, `derived` (sends values changed beyond recognition, so that
nothing is called false), `fresh` (a connection of its own), `moves` (values change hands), `simple` (not with parameters), `fixed=NAME` (a fixed schema), `rare`.
A step may begin with a line `@clerk` (another role's session), `@app2` (the actor's second session), `@extended`,
`@fetch=N`, `@drop` (the connection is cut).

Placeholders, the same words giving the same thing within a shape:

    {P} {C} {L} {K} {V}     tables of people, of things, of things of things, of nobody; a view
    {A} {H}                 accounts that several may hold, and the table of who holds them
    {P!}                    its bare name, quoted as mappers do;  {P.part} a partition of it
    {P.key} {P.text} {P.own2} {P.fint} …   a column by kind, `:p` puts an alias in front, `!` quotes as mappers do
    {P.list} {P.all}        some columns with personal data; all columns
    {=P.text} {=P.key@b}    a value of it in the row (@b: another row);  {~P.text} begins so, {%P.text} holds it
    {new:P.email}           a new value for that row's person;  {insert:P} columns and values of a new person
    {n} {n2} {id} {id2}     a small number; a fresh name;  {?a|b|c} one of these
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass, field
from pathlib import Path

import grammar
from world import Column, Table, Values, World, literal, quote

CATALOGUE = Path(__file__).resolve().parent / "catalogue"
PLACE = re.compile(r"\{(\?[^{}]*|[^{}\s][^{}]*)\}")
TEXTY = ("text", "word", "email", "phone")


OF_RANDOM_WORLDS = ("department", "thing_id", "qty", "dept", "full_name", "{F}", "state_e", "email")
"""What only random worlds have."""


class Unfit(Exception):
    """The world has nothing that the shape asks for."""


@dataclass
class Step:
    """One exchange with the server."""

    sql: str
    parameters: list[str | None] | None = None
    who: str = "app"
    session: int = 0
    shape: str = ""
    derived: bool = False
    fetch: int = 0
    drop: bool = False
    write: bool = False
    instance: int = 0
    """Steps of one rendering of a shape share it."""
    moves: bool = False
    """Values change hands: whose they are is asked of the server."""
    fresh: bool = False
    """The session begins with this step and ends with the last step of its shape."""
    copy_in: str = ""


@dataclass
class Shape:
    """One entry of the catalogue."""

    name: str
    flags: frozenset[str]
    steps: list[str] = field(default_factory=list)

    def fits(self, world: World) -> bool:
        other = "mysql" if world.dialect == "postgresql" else "pg"
        if other in self.flags and not ({"pg", "mysql"} <= self.flags):
            return False
        fixed = next((flag[6:] for flag in self.flags if flag.startswith("fixed=")), "")
        if not fixed and world.fixed:
            return not any(word in step for step in self.steps for word in OF_RANDOM_WORLDS)
        return fixed == world.fixed


def read_catalogue(folder: Path = CATALOGUE) -> list[Shape]:
    """Every shape of every file, in order of file and place."""
    shapes: list[Shape] = []
    for file in sorted(folder.glob("*.sql")):
        common: frozenset[str] = frozenset()
        for line in file.read_text(encoding="utf-8").splitlines():
            if line.startswith("--- "):
                common = frozenset(line[4:].split())
            elif line.startswith("-- "):
                name, _, flags = line[3:].partition("|")
                shapes.append(Shape(f"{file.stem}/{name.strip()}", frozenset(flags.split()) | common, [""]))
            elif line.strip() == ";;":
                shapes[-1].steps.append("")
            elif line.strip() and shapes:
                shapes[-1].steps[-1] += ("\n" if shapes[-1].steps[-1] else "") + line
    return [shape for shape in shapes if any(shape.steps)]


class Renderer:
    """Fills one shape."""

    def __init__(self, world: World, rng: random.Random, values: Values, serial: str):
        self.world, self.rng, self.values, self.serial = world, rng, values, serial
        self.memo: dict[str, object] = {}
        self.dialect = world.dialect

    def render(self, shape: Shape, session: int) -> list[Step]:
        steps = []
        extended_shape = "simple" not in shape.flags and self.rng.random() < 0.4
        for text in shape.steps:
            step = Step(sql="", session=session, shape=shape.name, derived="derived" in shape.flags, write="write" in shape.flags or "ddl" in shape.flags,
                        moves="moves" in shape.flags, fresh="fresh" in shape.flags)
            extended = extended_shape
            while text.startswith("@"):
                directive, _, text = text.partition("\n")
                word, _, value = directive[1:].partition("=")
                if word == "clerk":
                    step.who, step.session, step.fresh = "clerk", 0, False
                elif word == "app2":
                    step.session = session + 1
                elif word == "extended":
                    extended = True
                elif word == "simple":
                    extended = False
                elif word == "fetch":
                    step.fetch, extended = int(value), True
                elif word == "drop":
                    step.drop = True
                elif word == "copy":
                    step.copy_in = self.fill(value, None).replace("\\n", "\n").replace("\\t", "\t")
                else:
                    raise ValueError(f"{shape.name}: unknown directive {directive}")
            step.parameters = [] if extended else None
            step.sql = self.fill(text, step.parameters)
            if step.sql or step.drop:
                steps.append(step)
        return steps

    def fill(self, text: str, parameters: list[str | None] | None) -> str:
        return PLACE.sub(lambda match: self.place(match.group(1), parameters), text.replace("{{", "\x01").replace("}}", "\x02")).replace("\x01", "{").replace("\x02", "}")

    def place(self, word: str, parameters: list[str | None] | None) -> str:
        if word.startswith("?"):
            return self.rng.choice(word[1:].split("|"))
        if word[0] in "=~%":
            return self.value_of(word, parameters)
        if word.startswith("new:"):
            return self.bind(self.new_value(word[4:]), parameters)
        if word.startswith("insert:"):
            return self.insertion(word[7:])
        if re.fullmatch(r"n\d*", word):
            return self.keep(word, lambda: str(self.rng.randrange(1, 6)))
        if re.fullmatch(r"id\d*", word):
            return self.keep(word, lambda: f"z{self.serial}{word}")
        return self.name_of(word)

    def keep(self, word: str, make) -> str:
        if word not in self.memo:
            self.memo[word] = make()
        return str(self.memo[word])

    # Names

    def table(self, role: str) -> Table:
        if ("table", role) not in self.memo:
            found = [table for table in self.world.tables if table.role == role]
            if not found:
                raise Unfit(role)
            self.memo[("table", role)] = self.rng.choice(found)
        return self.memo[("table", role)]  # type: ignore[return-value]

    def view(self) -> dict:
        if "view" not in self.memo:
            if not self.world.views:
                raise Unfit("view")
            self.memo["view"] = self.rng.choice(self.world.views)
        return self.memo["view"]  # type: ignore[return-value]

    def name_of(self, word: str) -> str:
        hard = word.endswith("!")
        word = word.rstrip("!")
        word, _, alias = word.partition(":")
        role, _, selector = word.partition(".")
        prefix = f"{alias}." if alias else ""
        if not selector:
            if role == "V":
                view = self.view()
                return self.qualified(view["schema"], view["name"], hard)
            if role == "F":
                if not self.world.functions:
                    raise Unfit("function")
                return self.qualified(self.world.tables[0].schema, self.rng.choice(self.world.functions), hard)
            table = self.table(role)
            return self.qualified(table.schema, table.name, hard)
        if selector == "part":
            table = self.table(role)
            if not table.parts:
                raise Unfit("part")
            return self.qualified(table.schema, self.rng.choice(table.parts), False)
        if selector == "schema":
            return self.quote(self.table(role).schema, hard)
        if selector == "word":
            return self.table(role).name
        if selector in ("list", "all"):
            return ", ".join(prefix + self.quote(column.name, hard) for column in self.columns(role, selector))
        return prefix + self.quote(self.column(role, selector).name, hard)

    def qualified(self, schema: str, name: str, hard: bool) -> str:
        if hard or (self.world.search_path and schema == self.world.search_path[0] and self.keep(f"q{schema}", lambda: self.rng.random() < 0.75) == "True"):
            return self.quote(name, hard)
        return f"{self.quote(schema, hard)}.{self.quote(name, hard)}"

    def quote(self, name: str, hard: bool) -> str:
        if hard:
            return f'"{name}"' if self.dialect == "postgresql" else f"`{name}`"
        return quote(name, self.dialect)

    def columns(self, role: str, selector: str) -> list[Column]:
        def make() -> list[Column]:
            if role == "V":
                return [Column(name, "", kind, category) for name, kind, category in self.view()["columns"]]
            table = self.table(role)
            if selector == "all":
                return table.columns
            own = [column for column in table.columns if column.category]
            return self.rng.sample(own, min(len(own), self.rng.randrange(1, 4)))

        key = ("columns", role, selector)
        if key not in self.memo:
            self.memo[key] = make()
        return self.memo[key]  # type: ignore[return-value]

    def column(self, role: str, selector: str) -> Column:
        key = ("column", role, selector)
        if key in self.memo:
            return self.memo[key]  # type: ignore[return-value]
        kind = selector.rstrip("0123456789")
        columns = self.columns("V", "all") if role == "V" else self.table(role).columns
        if kind == "key":
            table = None if role == "V" else self.table(role)
            found = [columns[0]] if table is None else [table.column(table.key[0])]
        elif kind == "fk":
            table = self.table(role)
            found = [table.column(table.subject or table.via["column"])]
        elif kind == "text":
            found = [column for column in columns if column.kind in TEXTY and "bigint" not in column.type]
        elif kind == "own":
            found = [column for column in columns if column.category]
        elif kind == "any":
            found = columns
        elif kind == "filter":
            found = [column for column in columns if not column.category and column.kind[0] == "f" and column.kind not in ("fkey", "flookup")]
        elif kind == "order":
            found = [column for column in columns if column.kind in ("ftext", "fint", "fnum", "fdate", "fts", "ftstz", "fenum", "fcode", "fbool", "fmoney", "ffloat")]
        elif kind == "onlytext":
            found = [column for column in columns if column.kind in ("ftext", "fcode")]
        else:
            found = [column for column in columns if column.kind == kind]
        taken = [other for known, other in self.memo.items() if isinstance(known, tuple) and known[:2] == ("column", role)]
        free = [column for column in found if all(column is not other for other in taken)] or found
        if not free:
            raise Unfit(selector)
        self.memo[key] = self.rng.choice(free)
        return self.memo[key]  # type: ignore[return-value]

    # Values

    def row(self, role: str, which: str) -> dict[str, str | None]:
        key = ("row", role + which)
        if key not in self.memo:
            if role == "V":
                raise Unfit("rows of a view")
            rows = self.table(role).rows
            if not rows:
                raise Unfit("rows")
            self.memo[key] = self.rng.choice(rows)
        return self.memo[key]  # type: ignore[return-value]

    def value_of(self, word: str, parameters: list[str | None] | None) -> str:
        how, word = word[0], word[1:]
        raw = word.endswith("#")
        word, _, which = word.rstrip("#").partition("@")
        role, _, selector = word.partition(".")
        if role == "V":
            view = self.column("V", selector)
            sources = [(table, column) for table in self.world.tables for column in table.columns if column.name == view.name and table.role == "P"]
            if not sources:
                raise Unfit("values of a view")
            table, column = sources[0]
            value = self.rng.choice(table.rows)[column.name]
        else:
            column = self.column(role, selector)
            value = self.row(role, which).get(column.name)
            if value is None:
                value = next((row[column.name] for row in self.table(role).rows if row.get(column.name) is not None), None)
        if value is None:
            value = "none"
        if how == "~":
            value = value[: self.rng.randrange(1, 5)] + "%"
        elif how == "%":
            start = self.rng.randrange(max(1, len(value) - 3))
            value = "%" + value[start : start + self.rng.randrange(2, 5)] + "%"
        return value.replace("'", "''") if raw else self.bind(value, parameters)

    def bind(self, value: str | None, parameters: list[str | None] | None) -> str:
        if parameters is None:
            return literal(value, self.dialect)
        parameters.append(value)
        return f"${len(parameters)}" if self.dialect == "postgresql" else "?"

    def new_value(self, word: str) -> str | None:
        word, _, which = word.partition("@")
        role, _, selector = word.partition(".")
        column = self.column(role, selector)
        table = self.table(role)
        row = self.row(role, which)
        return self.values.value(column, self.person_of(table, row), rate_null=0)

    def person_of(self, table: Table, row: dict[str, str | None]) -> str:
        if table.subject:
            # A row without a subject is nobody's.
            return str(row[table.subject] or "")
        if not table.via:
            return ""
        above = next(other for other in self.world.tables if f"{other.schema}.{other.name}" == table.via["table"])
        return next(str(upper[above.subject] or "") for upper in above.rows if upper[table.via["to_column"]] == row[table.via["column"]])

    def insertion(self, role: str) -> str:
        """Columns and values of a new row: a new person, or another thing of somebody."""
        table = self.table(role)
        serial = 900000 + len(self.values.made) * 7 + self.rng.randrange(7)
        row: dict[str, str | None] = {}
        key = table.columns[0] if role == "P" else None
        if role == "P" and key:
            person = {"varchar(10)": f"N{serial}", "uuid": f"{serial:08x}-0000-4000-8000-00000000abcd", "char(36)": f"{serial:08x}-0000-4000-8000-00000000abcd"}.get(key.type, str(serial))
            self.world.people.append(person)
        else:
            person = self.person_of(table, self.row(role, ""))
        for column in table.columns:
            if role == "P" and column is key:
                row[column.name] = person
            elif column.name in (table.subject, *table.via.values()) and column.kind == "fkey":
                row[column.name] = self.row(role, "")[column.name]
            elif column.kind == "flookup":
                row[column.name] = "1"
            elif column.name in table.key and column.kind in ("key", "fint") and column.name != "age":
                row[column.name] = str(serial)
            else:
                row[column.name] = self.values.value(column, person)
        self.memo[("row", role)] = row
        names = ", ".join(quote(name, self.dialect) for name in row)
        return f"({names}) VALUES ({', '.join(literal(value, self.dialect) for value in row.values())})"


def script(world: World, shapes: list[Shape], count: int, rng: random.Random, mix: str, grammar_share: float = grammar.GRAMMAR_SHARE) -> list[Step]:
    """A session's worth of steps. `mix` is `reads`, `writes` (some) or `wild` (everything)."""
    values = Values(rng, world.owners)
    fitting = [shape for shape in shapes if shape.fits(world)]
    if mix == "reads":
        fitting = [shape for shape in fitting if not shape.flags & {"write", "ddl"}]
    elif mix == "writes":
        fitting = [shape for shape in fitting if "ddl" not in shape.flags]
    weights = [0.3 if "rare" in shape.flags else 5.0 if world.fixed and any("fixed" in flag for flag in shape.flags) else 1.0 for shape in fitting]
    if mix == "writes":
        weights = [weight * (0.5 if "write" in shape.flags else 1) for weight, shape in zip(weights, fitting)]
    steps: list[Step] = []
    tries = 0
    while len(steps) < count and tries < count * 4 and fitting:
        tries += 1
        shape = rng.choices(fitting, weights)[0]
        if rng.random() < grammar_share:
            name, template, writes = grammar.chance_template(world, rng, mix)
            shape = Shape(name, frozenset({"write"} if writes else ()), [template])
        try:
            rendered = Renderer(world, rng, values, f"{len(steps)}").render(shape, rng.randrange(2) * 2)
        except Unfit:
            continue
        for step in rendered:
            step.instance = tries
        steps += rendered
    return steps
