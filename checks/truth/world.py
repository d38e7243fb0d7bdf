"""A world from a seed: schema, people whose values tell whose they are, and the estate file a diligent user would write.

Everything is decided here and nothing depends on a server, so that a world can be made again from its seed, written down as
JSON, and made smaller piece by piece.
"""

from __future__ import annotations

import datetime
import json
import random
import string
from dataclasses import asdict, dataclass, field

Owner = tuple[str, str]
"""A person's key and a category."""

TOKEN_LETTERS = 9
GIVEN = ["Ada", "Ben", "Chloë", "Dmitri", "Eva", "ada", "Øystein", "José", "Jose", "Zoë", "Ana", "ana", "Łukasz", "O'Neil", "de Vries", "伟", "Mary-Jane", "Mary Jane"]
CITIES = ["Oslo", "oslo", "Köln", "Koln", "Ålesund", "Zürich", "São Paulo", "Los Altos", "los-altos", "Łódź", "", "Oslo "]
TAGS = ["red", "green", "vip", "old", "new-in", "größe"]


@dataclass
class Column:
    """A column: its type at the server, what kind of values it holds, and its category, if it has one."""

    name: str
    type: str
    kind: str
    category: str = ""
    nullable: bool = True
    clause: str = ""
    """What stands behind the type: DEFAULT, COLLATE, GENERATED …"""
    labels: list[str] = field(default_factory=list)


@dataclass
class Table:
    """A table. `role` says what it is to the shapes: P people, C their things, L things of things, K things of nobody."""

    schema: str
    name: str
    role: str
    columns: list[Column]
    key: list[str]
    subject: str = ""
    """Column with the person's key, for people and their things."""
    via: dict[str, str] = field(default_factory=dict)
    """column, table, to_column: for things of things."""
    extra: list[str] = field(default_factory=list)
    """Constraints and the like, inside CREATE TABLE."""
    suffix: str = ""
    after: list[str] = field(default_factory=list)
    """Statements after it: partitions, indexes."""
    rows: list[dict[str, str | None]] = field(default_factory=list)
    parts: list[str] = field(default_factory=list)
    """Names of its partitions or children."""

    def column(self, name: str) -> Column:
        return next(column for column in self.columns if column.name == name)


@dataclass
class World:
    """All of it. `before` is run ahead of the tables (types, schemas), `after` behind them (views, functions)."""

    seed: int
    dialect: str
    name: str
    search_path: list[str]
    tables: list[Table]
    before: list[str] = field(default_factory=list)
    after: list[str] = field(default_factory=list)
    views: list[dict] = field(default_factory=list)
    """schema, name, columns [(name, kind, category)], over: what the shapes may ask of a view."""
    functions: list[str] = field(default_factory=list)
    database_settings: dict[str, str] = field(default_factory=dict)
    owners: dict[str, list[Owner]] = field(default_factory=dict)
    """Token to whose it is and what."""
    joint: list[str] = field(default_factory=list)
    """Tokens that several people hold together: sent, they are sent of each."""
    people: list[str] = field(default_factory=list)
    fixed: str = ""
    """Name of a fixed schema, where it is none of chance."""

    def to_json(self) -> str:
        return json.dumps(asdict(self), ensure_ascii=False)

    @staticmethod
    def from_json(text: str) -> "World":
        raw = json.loads(text)
        raw["tables"] = [Table(**{**table, "columns": [Column(**column) for column in table["columns"]]}) for table in raw["tables"]]
        raw["owners"] = {token: [tuple(owner) for owner in owners] for token, owners in raw["owners"].items()}
        return World(**raw)


# Values


class Values:
    """Makes values that nobody else has, and notes whose they are."""

    def __init__(self, rng: random.Random, owners: dict[str, list[Owner]]):
        self.rng, self.owners, self.made = rng, owners, set(owners)

    def letters(self) -> str:
        while True:
            token = self.rng.choice(string.ascii_uppercase) + "".join(self.rng.choices(string.ascii_lowercase, k=TOKEN_LETTERS - 1))
            if token.lower() not in self.made:
                self.made.add(token.lower())
                return token

    def digits(self, count: int) -> str:
        while True:
            token = self.rng.choice("123456789") + "".join(self.rng.choices(string.digits, k=count - 1))
            if token not in self.made:
                self.made.add(token)
                return token

    def day(self) -> str:
        while True:
            day = (datetime.date(1930, 1, 1) + datetime.timedelta(days=self.rng.randrange(24000))).isoformat()
            if day not in self.made:
                self.made.add(day)
                return day

    def moment(self) -> str:
        while True:
            moment = datetime.datetime(2021, 1, 1) + datetime.timedelta(seconds=self.rng.randrange(120_000_000))
            text = moment.strftime("%Y-%m-%d %H:%M:%S")
            if text not in self.made:
                self.made.add(text)
                return text

    def note(self, token: str, owner: Owner) -> None:
        if owner[1]:
            known = self.owners.setdefault(token, [])
            if owner not in known:
                known.append(owner)

    def value(self, column: Column, person: str, rate_null: float = 0.08) -> str | None:
        """A value of the person's own for a described column; one of many for any other."""
        if column.nullable and self.rng.random() < rate_null:
            return None if self.rng.random() < 0.7 or not column.kind.startswith(("text", "ftext")) else ""
        if not column.category:
            return self.filter_value(column)
        value, tokens = self.own_value(column)
        # What stands in a row without a subject is nobody's.
        for token in tokens if person else []:
            self.note(token, (person, column.category))
        return value

    def own_value(self, column: Column) -> tuple[str, list[str]]:
        kind, rng = column.kind, self.rng
        if kind == "text":
            token = self.letters()
            return f"{rng.choice(GIVEN)} {token}", [token]
        if kind == "word":
            token = self.letters()
            return token, [token]
        if kind == "email":
            token = self.letters().lower()
            return f"{token}@{rng.choice(['mail.test', 'post.example', 'Box.Test'])}", [token]
        if kind == "phone":
            token = self.digits(9)
            return f"+{rng.choice(['47', '852', '1'])} {token}", [token]
        if kind == "digits":
            token = self.digits(9)
            return token, [token]
        if kind == "num":
            token = self.digits(8)
            return f"{token}.{rng.randrange(1, 99):02}", [token]
        if kind == "money":
            token = self.digits(6)
            grouped = f"{int(token):,}"
            return f"{token}.{rng.randrange(10, 99)}", [grouped, token + "."]
        if kind == "date":
            day = self.day()
            return day, [day]
        if kind in ("ts", "tstz"):
            moment = self.moment()
            return moment + ("+00" if kind == "tstz" else ""), [moment]
        if kind == "uuid":
            token = "".join(rng.choices("0123456789abcdef", k=12))
            return f"{rng.randrange(16**8):08x}-{rng.randrange(16**4):04x}-4{rng.randrange(16**3):03x}-a{rng.randrange(16**3):03x}-{token}", [token]
        if kind == "inet":
            address = f"203.{rng.randrange(100, 250)}.{rng.randrange(100, 250)}.{rng.randrange(100, 250)}"
            return address, [address]
        if kind == "json":
            word, number = self.letters(), self.digits(9)
            return json.dumps({"passport": word, "kin": {"tel": number}, "n": rng.randrange(5)}), [word, number]
        if kind == "arr":
            first, second = self.letters(), self.letters()
            return f"{{{first},{second}}}", [first, second]
        if kind == "bytea":
            token = "".join(rng.choices("0123456789abcdef", k=16))
            return "\\x" + token, [token]
        raise ValueError(kind)

    def filter_value(self, column: Column) -> str:
        kind, rng = column.kind, self.rng
        if kind == "fenum":
            return rng.choice(column.labels)
        if kind == "ftext":
            return rng.choice(CITIES)
        if kind == "fcode":
            return rng.choice(["a", "B", "b", "C10", "C9", "a-b", "ab", "Ab", "ä"])
        if kind == "fint":
            return str(rng.choice([18, 25, 25, 30, 41, 41, 67, 7]))
        if kind == "fnum":
            return rng.choice(["1.5", "2.5", "2.50", "10", "9.75", "0"])
        if kind == "ffloat":
            return rng.choice(["0.1", "1.5", "1e3", "-2.25"])
        if kind == "fbool":
            return rng.choice(["1", "0"]) if column.type == "tinyint(1)" else rng.choice(["t", "f"])
        if kind == "fdate":
            return (datetime.date(2026, 3, 20) + datetime.timedelta(days=rng.randrange(6))).isoformat()
        if kind == "fts":
            return f"2026-03-{rng.randrange(20, 25)} {rng.choice(['00:30:00', '12:00:00', '23:45:00'])}"
        if kind == "ftstz":
            return f"2026-03-{rng.randrange(20, 25)} {rng.choice(['00:30:00', '12:00:00', '23:45:00'])}+00"
        if kind == "farr":
            return "{" + ",".join(sorted(rng.sample(TAGS, rng.randrange(0, 3)))) + "}"
        if kind == "fjson":
            return json.dumps({"lang": rng.choice(["de", "en", "no"]), "news": rng.random() < 0.5, "n": rng.randrange(12), "list": rng.sample([1, 2, 3], 2)})
        if kind == "finet":
            return rng.choice(["10.0.0.9", "10.0.0.10", "192.168.1.0/24", "9.1.1.1"])
        if kind == "fmoney":
            return rng.choice(["9.50", "10.00", "100.00", "1000.00"])
        if kind == "finterval":
            return rng.choice(["1 day", "24 hours", "90 minutes", "1 mon", "30 days"])
        if kind == "frange":
            low = rng.randrange(10)
            return f"[{low},{low + rng.randrange(1, 6)})"
        if kind == "fchar":
            return rng.choice(["A", "B", "AB"])
        if kind in ("key", "fkey", "flookup"):
            return str(rng.randrange(1, 5))
        raise ValueError(kind)


# Random schemas

PEOPLE_NAMES = ["person", "patient", "member", "Client", "user", "employé", "pupil", "staff member"]
THING_NAMES = [["address", "orders", "visit", "loan"], ["account", "invoice", "Message", "note"]]
POSTGRES_OWN = [
    ("full_name", ["text", "varchar(80)", "text COLLATE \"C\""], "text", "name"),
    ("surname", ["varchar(40)", "text", "name_d"], "word", "name"),
    ("email", ["text", "varchar(120)", "email_d"], "email", "email"),
    ("phone", ["text", "varchar(30)"], "phone", "phone"),
    ("national_id", ["text", "bigint", "integer", "char(12)"], "digits", "national_id"),
    ("birth", ["date"], "date", "birth"),
    ("salary", ["numeric(12,2)", "numeric"], "num", "pay"),
    ("balance", ["money"], "money", "bank"),
    ("last_seen", ["timestamptz"], "tstz", "whereabouts"),
    ("admitted", ["timestamp"], "ts", "health"),
    ("secret_ref", ["uuid"], "uuid", "identity"),
    ("last_ip", ["inet"], "inet", "whereabouts"),
    ("dossier", ["jsonb", "json", "jsonb"], "json", "file"),
    ("aliases", ["text[]"], "arr", "alias"),
    ("print", ["bytea"], "bytea", "biometric"),
    ("diagnosis", ["text", "varchar(60)"], "word", "health"),
    ("Straße", ["text"], "text", "address"),
]
POSTGRES_FILTER = [
    ("status", ["state_e"], "fenum"),
    ("city", ["text", "varchar(30)", 'text COLLATE "de-x-icu"', 'text COLLATE "C"', "text COLLATE nocase"], "ftext"),
    ("code", ["varchar(8)", "text", 'text COLLATE "en-x-icu"'], "fcode"),
    ("age", ["integer", "smallint", "positive_d"], "fint"),
    ("score", ["numeric(5,2)", "numeric"], "fnum"),
    ("rate", ["double precision", "real"], "ffloat"),
    ("active", ["boolean"], "fbool"),
    ("joined", ["date"], "fdate"),
    ("created", ["timestamptz"], "ftstz"),
    ("updated", ["timestamp"], "fts"),
    ("tags", ["text[]"], "farr"),
    ("prefs", ["jsonb"], "fjson"),
    ("office", ["inet"], "finet"),
    ("fee", ["money"], "fmoney"),
    ("wait", ["interval"], "finterval"),
    ("span", ["int4range"], "frange"),
    ("grade", ["char(4)"], "fchar"),
]
MYSQL_OWN = [
    ("full_name", ["varchar(80)", "text", "varchar(80) COLLATE utf8mb4_bin"], "text", "name"),
    ("surname", ["varchar(40)"], "word", "name"),
    ("email", ["varchar(120)"], "email", "email"),
    ("phone", ["varchar(30)"], "phone", "phone"),
    ("national_id", ["varchar(20)", "bigint", "int unsigned", "char(12)"], "digits", "national_id"),
    ("birth", ["date"], "date", "birth"),
    ("salary", ["decimal(12,2)"], "num", "pay"),
    ("last_seen", ["timestamp NULL"], "ts", "whereabouts"),
    ("admitted", ["datetime"], "ts", "health"),
    ("secret_ref", ["char(36)"], "uuid", "identity"),
    ("dossier", ["json", "longtext"], "json", "file"),
    ("diagnosis", ["varchar(60)", "tinytext"], "word", "health"),
    ("Straße", ["varchar(80)"], "text", "address"),
]
MYSQL_FILTER = [
    ("status", ["enum('new','active','closed')"], "fenum"),
    ("city", ["varchar(30)", "varchar(30) COLLATE utf8mb4_unicode_ci", "varchar(30) COLLATE utf8mb4_bin"], "ftext"),
    ("code", ["varchar(8)", "varchar(8) COLLATE utf8mb4_german2_ci"], "fcode"),
    ("age", ["int", "smallint", "tinyint unsigned"], "fint"),
    ("score", ["decimal(5,2)"], "fnum"),
    ("rate", ["double", "float"], "ffloat"),
    ("active", ["tinyint(1)"], "fbool"),
    ("joined", ["date"], "fdate"),
    ("updated", ["datetime", "timestamp NULL"], "fts"),
    ("prefs", ["json"], "fjson"),
    ("grade", ["char(4)"], "fchar"),
]


def random_world(seed: int, dialect: str) -> World:
    """The world of a seed."""
    rng = random.Random(f"world {dialect} {seed}")
    world = World(seed=seed, dialect=dialect, name=f"w{seed}", search_path=["public"], tables=[])
    builder = Builder(world, rng)
    builder.build()
    return world


class Builder:
    """Puts a random world together, table by table."""

    def __init__(self, world: World, rng: random.Random):
        self.world, self.rng = world, rng
        self.postgres = world.dialect == "postgresql"
        self.values = Values(rng, world.owners)

    def build(self) -> None:
        world, rng = self.world, self.rng
        self.types()
        self.schema = "public" if self.postgres else world.name
        if self.postgres and rng.random() < 0.3:
            self.schema = rng.choice(["hr", "Klinik", "app"])
            world.before.append(f"CREATE SCHEMA {self.quote(self.schema)}")
            world.search_path = [self.schema, "public"]
        if not self.postgres:
            world.search_path = [world.name]
        people = self.people()
        world.tables.append(people)
        lookup = self.lookup()
        world.tables.insert(0, lookup)
        names = [rng.choice(names) for names in THING_NAMES]
        things = [self.things(name, people) for name in names[: rng.choice([1, 2, 2])]]
        world.tables.extend(things)
        if rng.random() < 0.7:
            world.tables.append(self.lines(things[0]))
        if rng.random() < 0.4:
            self.accounts(people)
        self.views(people, things)

    def accounts(self, people: Table) -> None:
        """Accounts that one or two people hold: whose they are stands in a table of holders."""
        rng, integer, text = self.rng, "integer" if self.postgres else "int", "text" if self.postgres else "varchar(80)"
        holders = Table(self.schema, "holder", "H", [Column("account_id", integer, "fkey", nullable=False), Column("held_by", people.columns[0].type, "fkey", nullable=False),
                                                     Column("share", integer, "fint"), Column("remark", text, "text", "remark")], ["account_id", "held_by"], subject="held_by")
        accounts = Table(self.schema, "bank_account", "A", [Column("id", integer, "key", nullable=False), Column("iban", text, "digits", "bank"), Column("branch", text, "ftext")],
                         ["id"], via={"column": "id", "table": f"{self.schema}.holder", "to_column": "account_id"})
        for number in range(1, rng.randrange(5, 12)):
            owners = rng.sample([str(row[people.key[0]]) for row in people.rows], rng.choice([1, 1, 2]))
            iban = self.values.digits(9)
            for owner in owners:
                self.values.note(iban, (owner, "bank"))
                holders.rows.append({"account_id": str(number), "held_by": owner, "share": str(rng.randrange(1, 4)), "remark": self.values.value(holders.columns[3], owner)})
            if len(owners) > 1:
                self.world.joint.append(iban)
            accounts.rows.append({"id": str(number), "iban": iban, "branch": self.values.filter_value(accounts.columns[2])})
        self.world.tables += [accounts, holders]

    def types(self) -> None:
        if not self.postgres:
            return
        labels = self.rng.choice([["new", "active", "closed"], ["z", "m", "a"], ["low", "Mid", "high"]])
        self.labels = labels
        listed = ", ".join(f"'{label}'" for label in labels)
        self.world.before += [
            f"CREATE TYPE public.state_e AS ENUM ({listed})",
            "CREATE DOMAIN public.email_d AS text CHECK (VALUE LIKE '%@%')",
            "CREATE DOMAIN public.name_d AS varchar(60)",
            "CREATE DOMAIN public.positive_d AS integer CHECK (VALUE > 0)",
            "CREATE COLLATION public.nocase (provider = icu, locale = 'und-u-ks-level2', deterministic = false)",
        ]

    def people(self) -> Table:
        rng = self.rng
        name = rng.choice(PEOPLE_NAMES)
        key_kind = rng.choice(["text", "int", "text", "uuid", "serial"])
        key_name = rng.choice(["id", "no", "person_no", "Kundennummer"])
        integer = "integer" if self.postgres else "int"
        key_type = {"text": "varchar(10)", "int": integer, "serial": integer, "uuid": "uuid" if self.postgres else "char(36)"}[key_kind]
        own = rng.sample(POSTGRES_OWN if self.postgres else MYSQL_OWN, rng.randrange(5, 9))
        own = with_needed(own, POSTGRES_OWN if self.postgres else MYSQL_OWN, ("full_name", "email"))
        filters = rng.sample(POSTGRES_FILTER if self.postgres else MYSQL_FILTER, rng.randrange(4, 8))
        filters = with_needed(filters, POSTGRES_FILTER if self.postgres else MYSQL_FILTER, ("status", "city", "age"))
        columns = [Column(key_name, key_type, "key", nullable=False)]
        columns += [self.column(*spec) for spec in own] + [self.column(*spec, "") for spec in filters]
        first, rest = columns[:1], columns[1:]
        if rng.random() < 0.5:
            rng.shuffle(rest)
        if rng.random() < 0.5:
            rest.append(Column("dept", integer, "flookup"))
        table = Table(self.schema, name, "P", first + rest, [key_name], subject=key_name)
        self.partition(table)
        for index in range(rng.randrange(8, 26)):
            person = {"text": f"P{index + 1:04}", "int": str(1000 + index * 7), "serial": str(index + 1),
                      "uuid": f"{rng.randrange(16**8):08x}-0000-4000-8000-{index:012x}"}[key_kind]
            self.world.people.append(person)
            row: dict[str, str | None] = {key_name: person}
            for column in table.columns[1:]:
                row[column.name] = str(rng.randrange(1, 4)) if column.kind == "flookup" else self.values.value(column, person)
            table.rows.append(row)
        if rng.random() < 0.4:
            rng.shuffle(table.rows)
        return table

    def column(self, name: str, types: list[str], kind: str, category: str) -> Column:
        column = Column(name, self.rng.choice(types), kind, category)
        if column.kind == "fenum":
            column.labels = self.labels if self.postgres else ["new", "active", "closed"]
        return column

    def partition(self, table: Table) -> None:
        """Lets some tables of people be partitioned, by hash of the key or by a column; some have an inheriting child."""
        if not self.postgres or self.rng.random() > 0.25:
            return
        name, quoted = table.name, self.quote
        self_schema = quoted(self.schema)
        if self.rng.random() < 0.5:
            table.suffix = f" PARTITION BY HASH ({quoted(table.key[0])})"
            for part in range(2):
                table.parts.append(f"{name}_p{part}")
                table.after.append(f"CREATE TABLE {self_schema}.{quoted(f'{name}_p{part}')} PARTITION OF {self_schema}.{quoted(name)} FOR VALUES WITH (MODULUS 2, REMAINDER {part})")
        else:
            table.suffix = f" PARTITION BY RANGE ({quoted(table.key[0])}, {quoted('age')})"
            table.column("age").nullable = False
            table.key = [table.key[0], "age"]
            table.parts.append(f"{name}_all")
            table.after.append(f"CREATE TABLE {self_schema}.{quoted(f'{name}_all')} PARTITION OF {self_schema}.{quoted(name)} DEFAULT")

    def lookup(self) -> Table:
        integer = "integer" if self.postgres else "int"
        text = "text" if self.postgres else "varchar(40)"
        table = Table(self.schema, "department", "K", [Column("id", integer, "key", nullable=False), Column("title", text, "ftext"), Column("floor", integer, "fint")], ["id"])
        table.rows = [{"id": str(number), "title": title, "floor": str(number % 2)} for number, title in enumerate(["Ward", "Office", "Kitchen"], 1)]
        return table

    def things(self, name: str, people: Table) -> Table:
        rng, integer = self.rng, "integer" if self.postgres else "int"
        text = "text" if self.postgres else "varchar(80)"
        fk = rng.choice([people.key[0], "owner", "person_ref"])
        fk = fk if fk != "id" else "owner"
        key = [fk, "seq"] if rng.random() < 0.3 else ["id"]
        columns = [Column("seq" if key[0] == fk else "id", integer, "fint" if key[0] == fk else "key", nullable=False),
                   Column(fk, people.columns[0].type, "fkey", nullable=rng.random() < 0.2 and key[0] != fk),
                   Column("detail", text, "text", "detail"), Column("ref", text, "digits", "reference"),
                   Column("kind", "varchar(10)", "fcode"), Column("on_day", "date", "fdate"),
                   Column("amount", "numeric(8,2)" if self.postgres else "decimal(8,2)", "fnum")]
        table = Table(self.schema, name, "C", columns, key, subject=fk)
        if len(people.key) == 1:
            table.extra.append(f"FOREIGN KEY ({self.quote(fk)}) REFERENCES {self.quote(self.schema)}.{self.quote(people.name)} ({self.quote(people.key[0])})")
        number = 0
        for row in people.rows:
            person = row[people.key[0]]
            for sequence in range(rng.choice([0, 1, 1, 2, 3])):
                number += 1
                made: dict[str, str | None] = {}
                for column in columns:
                    if column.name in ("id", "seq"):
                        made[column.name] = str(number if column.name == "id" else sequence)
                    elif column.name == fk:
                        made[column.name] = person
                    else:
                        made[column.name] = self.values.value(column, str(person))
                table.rows.append(made)
        return table

    def lines(self, things: Table) -> Table:
        """Things of things: whose they are stands one table away."""
        rng, integer = self.rng, "integer" if self.postgres else "int"
        text = "text" if self.postgres else "varchar(80)"
        if things.key != ["id"]:
            return self.log()
        columns = [Column("thing_id", integer, "fkey", nullable=False), Column("line", integer, "fint", nullable=False),
                   Column("remark", text, "text", "remark"), Column("qty", integer, "fint")]
        table = Table(self.schema, f"{things.name}_line", "L", columns, ["thing_id", "line"], via={"column": "thing_id", "table": f"{things.schema}.{things.name}", "to_column": "id"})
        table.extra.append(f"FOREIGN KEY (thing_id) REFERENCES {self.quote(self.schema)}.{self.quote(things.name)} (id)")
        for row in things.rows:
            for line in range(rng.choice([0, 1, 2])):
                person = str(row[things.subject])
                table.rows.append({"thing_id": row["id"], "line": str(line + 1), "remark": self.values.value(columns[2], person), "qty": str(rng.randrange(1, 9))})
        return table

    def log(self) -> Table:
        integer = "integer" if self.postgres else "int"
        text = "text" if self.postgres else "varchar(80)"
        table = Table(self.schema, "audit_trail", "K", [Column("id", integer, "key", nullable=False), Column("what", text, "fcode"), Column("n", integer, "fint")], ["id"])
        table.rows = [{"id": str(number), "what": "login", "n": str(number % 3)} for number in range(6)]
        return table

    def views(self, people: Table, things: list[Table]) -> None:
        world, q, rng = self.world, self.quote, self.rng
        key, own = people.key[0], [column for column in people.columns if column.category]
        chosen = rng.sample(own, min(3, len(own)))
        names = ", ".join(q(column.name) for column in [people.columns[0], *chosen])
        source = f"{q(people.schema)}.{q(people.name)}"
        described = [[people.columns[0].name, "key", ""]] + [[column.name, column.kind, column.category] for column in chosen]
        schema = q(self.schema)
        world.after.append(f"CREATE VIEW {schema}.v_list AS SELECT {names} FROM {source} WHERE {q('status')} <> {literal(people.column('status').labels[-1], world.dialect)}")
        world.views.append({"schema": self.schema, "name": "v_list", "columns": described})
        thing = things[0]
        world.after.append(f"CREATE VIEW {schema}.v_joined AS SELECT p.{q(key)} AS k, p.{q(chosen[0].name)} AS a, t.detail, t.amount FROM {source} p "
                           f"LEFT JOIN {schema}.{q(thing.name)} t ON t.{q(thing.subject)} = p.{q(key)}")
        world.views.append({"schema": self.schema, "name": "v_joined", "columns": [["k", "key", ""], ["a", chosen[0].kind, chosen[0].category], ["detail", "text", "detail"], ["amount", "fnum", ""]]})
        if self.postgres and rng.random() < 0.5:
            world.after.append(f"CREATE MATERIALIZED VIEW {schema}.m_list AS SELECT * FROM {schema}.v_list")
            world.views.append({"schema": self.schema, "name": "m_list", "columns": described})
        if self.postgres:
            type_of = people.columns[0].type
            world.after.append(f"CREATE FUNCTION {schema}.find_person(k {type_of}) RETURNS SETOF {source} LANGUAGE sql STABLE AS $$ SELECT * FROM {source} WHERE {q(key)} = k $$")
            world.functions.append("find_person")

    def quote(self, name: str) -> str:
        return quote(name, self.world.dialect)


def with_needed(chosen: list[tuple], pool: list[tuple], names: tuple[str, ...]) -> list[tuple]:
    """Adds what the shapes count on."""
    return [spec for spec in pool if spec[0] in names and spec not in chosen] + chosen


# Writing it down


MUST_QUOTE = {"user", "order", "group", "table", "select", "from", "to", "key", "rank", "rows", "window", "condition", "function"}


def quote(name: str, dialect: str) -> str:
    if name.isascii() and name.replace("_", "a").isalnum() and name == name.lower() and name not in MUST_QUOTE and not name[0].isdigit():
        return name
    return f'"{name}"' if dialect == "postgresql" else f"`{name}`"


def literal(value: str | None, dialect: str) -> str:
    if value is None:
        return "NULL"
    value = value.replace("'", "''")
    return "'" + (value.replace("\\", "\\\\") if dialect == "mysql" else value) + "'"


def creation(world: World) -> list[str]:
    """The statements that make the world, rows and all."""
    statements = list(world.before)
    for table in world.tables:
        q = lambda name: quote(name, world.dialect)  # noqa: E731
        lines = [f"{q(column.name)} {column.type}{' ' + column.clause if column.clause else ''}{'' if column.nullable else ' NOT NULL'}" for column in table.columns]
        if table.key:
            lines.append(f"PRIMARY KEY ({', '.join(q(name) for name in table.key)})")
        full = f"{q(table.schema)}.{q(table.name)}"
        statements.append(f"CREATE TABLE {full} ({', '.join(lines + table.extra)}){table.suffix}")
        statements += table.after
        for start in range(0, len(table.rows), 50):
            rows = ", ".join("(" + ", ".join(literal(row.get(column.name), world.dialect) for column in table.columns if "GENERATED" not in column.clause) + ")"
                             for row in table.rows[start : start + 50])
            names = ", ".join(q(column.name) for column in table.columns if "GENERATED" not in column.clause)
            statements.append(f"INSERT INTO {full} ({names}) VALUES {rows}")
    return statements + world.after


def estate(world: World, setting_files: tuple[str, ...], prefix: str, snapshot_time: str) -> str:
    """The estate file that a diligent user would write."""
    out = ["[organisation]", 'name = { en = "Test Registry" }', 'time_zone = "UTC"', "regimes = []", 'domain = "registry.example"',
           'contact = { name = { en = "Office" }, phone = "1", email = "x@registry.example", hours = { en = "day" } }', "",
           "[[system]]", 'id = "db"', 'name = "Database server"', 'addresses = ["10.1.1.1"]', ""]
    for file in setting_files:
        kind = "postgresql" if world.dialect == "postgresql" else "mysql_audit" if file == "audit.log" else "mysql_general"
        out += ["[[source]]", f'id = "{file.replace(".", "-")}"', 'system = "db"', f'path = ["db/{file}"]', f'format = "{kind}"']
        if prefix:
            out.append(f'log_format = "{prefix}"')
        out.append("")
    path = ", ".join(toml(schema) for schema in world.search_path)
    out += ["[[database]]", f'id = "{world.name}"', f'name = "{world.name}"', 'system = "db"', f'dialect = "{world.dialect}"',
            f"search_path = [{path}]", 'snapshot = ["snapshot/dump.sql"]', f'snapshot_time = "{snapshot_time}"']
    bare = [toml(f"{table.schema}.{table.name}") for table in world.tables if not any(column.category for column in table.columns)]
    if bare:
        out.append(f"without_personal_data = [{', '.join(bare)}]")
    out.append("")
    for table in world.tables:
        described = [column for column in table.columns if column.category]
        if not described or table.role == "K":
            continue
        out += ["[[table]]", f'database = "{world.name}"', f"name = {toml(table.schema + '.' + table.name)}"]
        if table.via:
            inner = ", ".join(f"{key} = {toml(value)}" for key, value in table.via.items())
            out.append(f"subject_via = {{ {inner} }}")
        else:
            out.append(f"subject_key = {toml(table.subject)}")
        out.append("[table.categories]")
        out += [f"{toml(column.name)} = {toml(column.category)}" for column in described]
        out.append("")
    out += ["[register]", 'file = "register/people.csv"', 'key = "no"', 'name = { en = "name" }', 'email = "email"', ""]
    return "\n".join(out)


def toml(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def register(world: World) -> str:
    lines = ["no,name,email"] + [f"{person},Person {number},p{number}@post.test" for number, person in enumerate(world.people, 1)]
    return "\n".join(lines) + "\n"
