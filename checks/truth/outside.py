#!/usr/bin/env python3
"""Statements that nobody here wrote, on a fixed world: what real servers sent for them, against what `strandline respond` says.

usage: outside.py --world sakila STATEMENTS.json              a list of texts, or of {"sql": …, "parameters": [… or null], "from": "a word"}
       outside.py --regress postgresql-15.18/src/test/regress/sql    SELECTs of PostgreSQL's own regression tests, from its source

Statements that the server refuses, or that name no table of people, are left out and counted. The judgement is that of truth.py.
Exit code: 0 nobody missed and nobody falsely confirmed, 1 some, 2 nothing could be run.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import servers
import session
import truth
import worlds
from shapes import Step
from wire_postgres import Gone
from world import Column, Table, World

ROWS_AT_MOST = 5000
"""An answer with more is about nothing that fewer rows would not show."""
LONGEST = 3000

REGRESS_FILES = """aggregates arrays boolean case char create_index equivclass expressions float8 groupingsets hash_index incremental_sort
inherit int4 int8 join join_hash json jsonb limit memoize misc misc_functions name numeric_big partition_join point polymorphism portals
predicate random rangefuncs regex rowtypes select select_distinct select_distinct_on select_having select_implicit select_parallel
select_views stats_ext strings subselect text tidscan tsrf tuplesort union varchar window with""".split()
UNFIT = re.compile(r"(?i)\binto\s+(temp|table|\w+\s+from)|pg_sleep|pg_terminate|:'|:\w+\b")


class Whole:
    """The tables that PostgreSQL's regression tests share, as its test_setup.sql makes them, each of a person a row."""

    def __init__(self, seed: int):
        self.make = worlds.Maker("regress", seed, "postgresql")

    def small(self, name: str, columns: str, *rows: str) -> None:
        """A small table; behind its own columns stand a value of a person and the person's key."""
        names = [column.split()[0] for column in columns.split(", ")]
        table = self.make.table(name, "K", "\n".join(f"{column} | title" for column in columns.split(", ")), 0, "none")
        for column in table.columns:
            column.category, column.nullable = "", True
        table.key, table.role, table.subject = [], "C", "pk"
        table.columns += [Column("tag", "text", "word", f"tag_{name}", nullable=False), Column("pk", "int", "fkey", nullable=False)]
        for number, row in enumerate(rows):
            values: dict[str, str | None] = {column: value if value != "-" else None for column, value in zip(names, row.split("|"))}
            values["pk"] = str(number * 7 % 290)
            values["tag"] = self.make.values.value(table.columns[-2], values["pk"])
            table.rows.append(values)

    def big(self, name: str, role: str, rows: int, one: str, other: str) -> Table:
        """A table like tenk1."""
        parts = {"two": 2, "four": 4, "ten": 10, "twenty": 20, "hundred": 100, "thousand": 1000, "twothousand": 2000, "fivethous": 5000}
        columns = [f"{column} int4 | id" for column in ["unique1", "unique2", *parts, "tenthous", "odd", "even"]]
        columns += [f"stringu1 name | word | {one}", f"stringu2 name | word | {other}", "string4 name | pick:AAAAxx,HHHHxx,OOOOxx,VVVVxx"]
        table = self.make.table(name, role, "\n".join(columns), rows, "unique1", "unique1", first=0)
        order = list(range(rows))
        self.make.rng.shuffle(order)
        for number, row in enumerate(table.rows):
            unique = int(row["unique1"] or 0)
            row.update({column: str(unique % size) for column, size in parts.items()})
            row.update(unique2=str(order[number]), tenthous=str(unique), odd=str(unique % 100 * 2 + 1), even=str(unique % 100 * 2))
        return table

    def world(self) -> World:
        self.small("char_tbl", "f1 char(4)", "a", "ab", "abcd", "abcd    ")
        self.small("float8_tbl", "f1 float8", "0.0", "-34.84", "-1004.30", "-1.2345678901234e+200", "-1.2345678901234e-200")
        self.small("int2_tbl", "f1 int2", "0", "1234", "-1234", "32767", "-32767")
        self.small("int4_tbl", "f1 int4", "0", "123456", "-123456", "2147483647", "-2147483647")
        big = "4567890123456789"
        self.small("int8_tbl", "q1 int8, q2 int8", "123|456", f"123|{big}", f"{big}|123", f"{big}|{big}", f"{big}|-{big}")
        self.small("point_tbl", "f1 point", "(0.0,0.0)", "(-10.0,0.0)", "(-3.0,4.0)", "(5.1, 34.5)")
        self.small("text_tbl", "f1 text", "doh!", "hi de ho neighbor")
        self.small("varchar_tbl", "f1 varchar(4)", "a", "ab", "abcd", "abcd")
        self.big("tenk1", "P", 300, "name", "alias")
        for name, rows, number in (("onek", 100, 2), ("onek2", 100, 3), ("tenk2", 300, 4)):
            self.big(name, "C", rows, f"remark{number}", f"alias{number}")
        self.small("j1_tbl", "i int, j int, t text", "1|4|one", "2|3|two", "3|2|three", "4|1|four", "5|0|five", "6|6|six", "7|7|seven", "8|8|eight", "0|-|zero", "-|-|null", "-|0|zero")
        self.small("j2_tbl", "i int, k int", "1|-1", "2|2", "3|-3", "2|4", "5|-5", "5|-5", "0|-", "-|-", "-|0")
        self.small("case_tbl", "i int, f float8", "1|10.1", "2|20.2", "3|-30.3", "4|-")
        self.small("case2_tbl", "i int, j int", "1|-1", "2|-2", "3|-3", "2|-4", "1|-", "-|-6")
        self.small("subselect_tbl", "f1 int, f2 int, f3 float", "1|2|3", "2|3|4", "3|4|5", "1|1|1", "2|2|2", "3|3|3", "6|7|8", "8|9|-")
        self.small("aggtest", "a int2, b float4", "56|7.8", "100|99.097", "0|0.09561", "42|324.78")
        eight = ", ".join(f"{letter} int" for letter in "abcdefgh")
        self.small("gstest2", eight, *("|".join("1" * ones + "2" * (8 - ones)) for ones in (8, 7, 6, 5, 4, 3, 2, 1, 0)))
        self.make.table("empsalary", "E", "depname varchar | pick:develop,sales,personnel\nempno bigint | id\nsalary int | pick:4200,4500,4800,5000,5200,6000,3500,3900\n"
                        "enroll_date date | day\nbadge text | word | badge", 10, "empno", "empno", first=5001)
        self.small("department", "id int, parent_department int, name text", "0|-|ROOT", "1|0|A", "2|1|B", "3|2|C", "4|2|D", "5|0|E", "6|4|F", "7|5|G")
        self.people()
        world = self.make.world
        world.people = list(dict.fromkeys(world.people))
        return world

    def people(self) -> None:
        """`person`, and those who inherit it."""
        person = self.make.table("person", "E", "name text | word | pname\nage int4 | id\nlocation point | pick:a\nno int | id", 30, "no", "no", first=6001)
        for row in person.rows:
            row.update(location=f"({self.make.rng.randrange(20)},{self.make.rng.randrange(50)})", age=str(self.make.rng.randrange(18, 80)))
        for child, column in (("emp", "salary int4, manager name"), ("student", "gpa float8")):
            person.after.append(f"CREATE TABLE public.{child} ({column}) INHERITS (public.person)")
            person.parts.append(child)
        person.key = []
        self.make.world.after += [
            "INSERT INTO public.emp (name, age, location, no, salary, manager) SELECT name, age, location, no, 1000 + age, 'x' FROM ONLY public.person WHERE no % 3 = 0",
            "INSERT INTO public.student (name, age, location, no, gpa) SELECT name, age, location, no, 3.5 FROM ONLY public.person WHERE no % 3 = 1",
            "DELETE FROM ONLY public.person WHERE no % 3 IN (0, 1)",
        ]


def statements_in(text: str) -> Iterator[str]:
    """The statements of a psql script, without its own commands and comments."""
    text = re.sub(r"(?m)^\\(?!\\).*$", "", text)
    pattern = re.compile(r"--[^\n]*|/\*.*?\*/|[eE]'(?:\\.|''|[^'\\])*'|'(?:''|[^'])*'|\"(?:\"\"|[^\"])*\"|(\$\w*\$).*?\1|;|[^;]", re.S)
    part: list[str] = []
    for match in pattern.finditer(text):
        piece = match.group()
        if piece == ";":
            yield "".join(part).strip()
            part = []
        elif piece.startswith(("--", "/*")):
            part.append(" ")
        else:
            part.append(piece)


def of_regress(folder: Path) -> list[dict]:
    found = []
    for name in REGRESS_FILES:
        file = folder / f"{name}.sql"
        for sql in statements_in(file.read_text(errors="replace")) if file.exists() else ():
            is_read = re.match(r"(?is)\s*\(*\s*(select|with|values|table)\b", sql)
            if is_read and len(sql) < LONGEST and not UNFIT.search(sql.replace("::", "")):
                found.append({"sql": sql, "from": name})
    return found


def fitting(server, world: World, items: list[dict]) -> list[dict]:
    """Those that the server answers, and that name a table of people; each once."""
    own = [table.name for table in world.tables if any(column.category for column in table.columns)] + [part for table in world.tables for part in table.parts]
    names = re.compile(r"(?i)\b(" + "|".join(map(re.escape, own)) + r")\b")
    session.make_world(server, world)
    connection, kept, seen = None, [], set()
    for item in items:
        text = json.dumps([item["sql"], item.get("parameters")])
        if text in seen or not names.search(item["sql"]):
            continue
        seen.add(text)
        try:
            connection = connection or server.connect("app", world.name, "outside")
            parameters = item.get("parameters")
            answer = connection.query(item["sql"]) if parameters is None else connection.execute(item["sql"], parameters, "", 0)
        except (Gone, OSError):
            connection = None
            continue
        if not answer.failed and answer.rows <= ROWS_AT_MOST:
            kept.append(item)
    if connection:
        connection.close()
    session.drop_world(server, world)
    return kept


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("statements", type=Path, nargs="?", metavar="STATEMENTS")
    parser.add_argument("--strandline", type=Path, default=Path("target/release/strandline"), metavar="PATH")
    parser.add_argument("--world", choices=sorted(worlds.FIXED), default="sakila")
    parser.add_argument("--regress", type=Path, metavar="FOLDER", help="SELECTs of PostgreSQL's regression tests, on their tables")
    parser.add_argument("--server", choices=["postgres", "mariadb"], default="postgres")
    parser.add_argument("--setting", help="one setting of the logs, by name (default: the first)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--chunk", type=int, default=200, metavar="N", help="statements a case (default: 200)")
    parser.add_argument("--wide", type=Path, metavar="FILE", help="every statement that is not exact, a line each")
    options = parser.parse_args()
    if (options.statements is None) == (options.regress is None):
        parser.error("name a file of statements, or --regress FOLDER")
    if options.regress and options.server != "postgres":
        parser.error("--regress is for PostgreSQL")
    items = of_regress(options.regress) if options.regress else [{"sql": item} if isinstance(item, str) else item for item in json.loads(options.statements.read_text())]
    total = truth.Figures()
    with servers.Scratch() as scratch:
        server = scratch.serve(options.server)
        made = (lambda seed: Whole(seed).world()) if options.regress else (lambda seed: worlds.FIXED[options.world](seed, server.dialect))
        kept = fitting(server, made(options.seed), items)
        print(f"{len(kept)} of {len(items)} statements are answered and name a table of people", flush=True)
        for start in range(0, len(kept), options.chunk):
            steps = [Step(sql=item["sql"], parameters=item.get("parameters"), shape=item.get("from", "outside"), instance=number)
                     for number, item in enumerate(kept[start : start + options.chunk])]
            plan = session.random_plan(server, random.Random(options.seed + start))
            plan.web, plan.busy_dump, plan.dump_at = False, False, 0.0
            plan.setting = next(setting for setting, _ in server.settings() if options.setting in (None, setting.name))
            total.add(truth.run_script(server, made(options.seed + start), steps, plan, scratch.folder / "world", options.strandline.resolve(), "reads"))
    judged = max(1, total.judged)
    print(", ".join(f"{kind} {total.kinds[kind]} ({100 * total.kinds[kind] / judged:.1f} %)" for kind in truth.KINDS))
    for reason, count in Counter(total.wide_reasons).most_common(20):
        print(f"  {count:5}  {reason}")
    for trouble in total.trouble:
        print(f"TROUBLE {trouble}")
    for found in total.found:
        print(f"{found.kind.upper()} {found.sql[:300]!r} {found.parameters or ''} -> {found.said[:160]} ({found.pairs} pairs, {found.sent_rows} rows)")
    if options.wide:
        options.wide.write_text("".join(json.dumps(vars(example), ensure_ascii=False) + "\n" for example in total.wide), encoding="utf-8")
    return 2 if total.trouble or not total.judged else 1 if total.found else 0


if __name__ == "__main__":
    sys.exit(main())
