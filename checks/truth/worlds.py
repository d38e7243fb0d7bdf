"""Which world a seed is: one of chance, or a schema that everybody knows (Chinook, Northwind, Sakila, TPC-H, the tables of
PostgreSQL's regression tests), with people of chance in it. Only the schemas are after the originals; no row is.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from world import Column, Table, Values, World, quote, random_world

CITIES = ["Oslo", "London", "Berlin", "São Paulo", "Montréal", "London", "Berlin"]
COUNTRIES = ["Norway", "UK", "Germany", "Brazil", "Canada", "USA", "USA"]


class Maker:
    """Builds a fixed schema. A column is `name type kind [category]`; kinds of chance are those of `Values`, and

    `id` counts, `ref:table` points at a row of a table, `city` and `country` and `pick:a,b` take one of these, `day` is a
    day in 1996 to 1998, `n:LOW:HIGH` a whole number, `amount` money, `flag` true or false, `title` a word of nobody's.
    """

    def __init__(self, name: str, seed: int, dialect: str):
        self.rng = random.Random(f"{name} {dialect} {seed}")
        self.world = World(seed=seed, dialect=dialect, name=f"f{seed}", search_path=["public"], tables=[], fixed=name)
        self.postgres = dialect == "postgresql"
        self.schema = "public" if self.postgres else self.world.name
        if not self.postgres:
            self.world.search_path = [self.world.name]
        self.values = Values(self.rng, self.world.owners)

    def table(self, name: str, role: str, columns: str, rows: int, key: str, subject: str = "", via: tuple[str, str, str] | None = None, first: int = 1, extra: list[str] | None = None) -> Table:
        made = []
        for line in columns.strip().splitlines():
            word, kind, *rest = [part.strip() for part in line.split("|")]
            column_name, _, type_name = word.partition(" ")
            made.append(Column(column_name, self.type(type_name), kind, rest[0] if rest else "", nullable=column_name not in key.split(",")))
        table = Table(self.schema, name, role, made, key.split(","), subject, extra=extra or [])
        if via:
            table.via = {"column": via[0], "table": f"{self.schema}.{via[1]}", "to_column": via[2]}
        seen = set()
        for number in range(first, first + rows):
            row = self.row(table, number)
            identity = tuple(row[part] for part in table.key)
            if identity not in seen:
                seen.add(identity)
                table.rows.append(row)
        if role in ("P", "E"):
            self.world.people += [str(row[subject]) for row in table.rows]
        # What the shapes ask for: the kinds of a random world.
        for column in made:
            column.kind = {"city": "ftext", "country": "ftext", "day": "fdate", "amount": "fnum", "flag": "fbool", "title": "fcode"}.get(column.kind, column.kind)
            if column.kind.startswith("n:"):
                column.kind = "fint"
            elif column.kind.startswith("pick:"):
                column.kind = "fcode"
            elif column.kind.startswith(("ref:", "id")):
                column.kind = "fkey" if column.name == subject or (via and column.name == via[0]) else "key"
        self.world.tables.append(table)
        return table

    def type(self, name: str) -> str:
        if self.postgres:
            return {"datetime": "timestamp", "double": "double precision", "tinyint(1)": "boolean"}.get(name, name)
        return {"text": "varchar(100)", "name": "varchar(64)", "bpchar": "varchar(5)", "boolean": "tinyint(1)", "timestamp": "datetime", "timestamptz": "datetime",
                "numeric": "decimal(12,2)", "double precision": "double", "point": "varchar(20)"}.get(name, name)

    def row(self, table: Table, number: int) -> dict[str, str | None]:
        row: dict[str, str | None] = {}
        later = []
        for column in table.columns:
            if column.category:
                later.append(column)
                continue
            row[column.name] = self.plain(column, number)
        person = (row.get(table.subject) or "") if table.subject else self.above(table, row)
        for column in later:
            row[column.name] = self.values.value(column, person, 0.06) if person else None
        return {column.name: row[column.name] for column in table.columns}

    def above(self, table: Table, row: dict[str, str | None]) -> str:
        if not table.via:
            return ""
        upper = next(other for other in self.world.tables if f"{other.schema}.{other.name}" == table.via["table"])
        found = next((line for line in upper.rows if line[table.via["to_column"]] == row[table.via["column"]]), None)
        if not found:
            return ""
        return (found[upper.subject] or "") if upper.subject else self.above(upper, found)

    def plain(self, column: Column, number: int) -> str | None:
        kind, rng = column.kind, self.rng
        if kind == "id":
            return str(number)
        if kind == "id5":
            return f"C{number:04}"
        if kind.startswith("ref:"):
            table_name, _, column_name = kind[4:].partition(".")
            target = next(table for table in self.world.tables if table.name == table_name)
            if column.nullable and rng.random() < 0.06:
                return None
            return rng.choice(target.rows)[column_name or target.key[0]]
        if kind == "city":
            return rng.choice(CITIES) if rng.random() < 0.9 else None
        if kind == "country":
            return rng.choice(COUNTRIES)
        if kind.startswith("pick:"):
            return rng.choice(kind[5:].split(","))
        if kind == "day":
            return f"{rng.choice([1996, 1997, 1997, 1998])}-{rng.randrange(1, 13):02}-{rng.randrange(1, 29):02}"
        if kind.startswith("n:"):
            _, low, high = kind.split(":")
            return str(rng.randrange(int(low), int(high)))
        if kind == "amount":
            return f"{rng.randrange(0, 90)}.{rng.choice(['99', '50', '00'])}"
        if kind == "flag":
            return rng.choice(["t", "f"] if self.postgres else ["1", "0"])
        if kind == "title":
            return rng.choice(["Red", "Blue", "Green", "Small", "Large"]) + " " + rng.choice(["Song", "Box", "Tea", "Film", "Chai"]) + f" {number}"
        return self.values.filter_value(column)

    def view(self, name: str, query: str, columns: list[list[str]]) -> None:
        self.world.after.append(f"CREATE VIEW {quote(self.schema, self.world.dialect)}.{name} AS {query}")
        self.world.views.append({"schema": self.schema, "name": name, "columns": columns})


def chinook(seed: int, dialect: str) -> World:
    make = Maker("chinook", seed, dialect)
    make.table("artist", "K", "artist_id int | id\nname text | title", 6, "artist_id")
    make.table("album", "K", "album_id int | id\ntitle text | title\nartist_id int | ref:artist", 9, "album_id")
    make.table("genre", "K", "genre_id int | id\nname text | pick:Rock,Jazz,Metal,Latin", 4, "genre_id")
    make.table("media_type", "K", "media_type_id int | id\nname text | pick:MPEG,AAC", 2, "media_type_id")
    make.table("track", "K", "track_id int | id\nname text | title\nalbum_id int | ref:album\nmedia_type_id int | ref:media_type\ngenre_id int | ref:genre\ncomposer text | title\nmilliseconds int | n:100000:400000\nbytes int | n:1000:9000\nunit_price numeric(10,2) | pick:0.99,1.99", 30, "track_id")
    make.table("playlist", "K", "playlist_id int | id\nname text | pick:Music,TV,90s", 3, "playlist_id")
    make.table("playlist_track", "K", "playlist_id int | ref:playlist\ntrack_id int | ref:track", 25, "playlist_id,track_id")
    make.table("employee", "E", """employee_id int | id
last_name varchar(20) | word | name
first_name varchar(20) | word | name
title varchar(30) | pick:General Manager,Sales Manager,Sales Support Agent,IT Staff
reports_to int | pick:1001,1002,1002
birth_date timestamp | ts | birth
hire_date date | day
address varchar(70) | text | address
city varchar(40) | city
country varchar(40) | country
phone varchar(24) | phone | phone
email varchar(60) | email | email""", 8, "employee_id", "employee_id", first=1001)
    make.table("customer", "P", """customer_id int | id
first_name varchar(40) | word | name
last_name varchar(20) | word | name
company varchar(80) | text | company
address varchar(70) | text | address
city varchar(40) | city
state varchar(40) | pick:SP,ON,CA,WA
country varchar(40) | country
postal_code varchar(10) | digits | address
phone varchar(24) | phone | phone
email varchar(60) | email | email
support_rep_id int | ref:employee""", 24, "customer_id", "customer_id")
    make.table("invoice", "C", """invoice_id int | id
customer_id int | ref:customer
invoice_date date | day
billing_address varchar(70) | text | billing
billing_city varchar(40) | city
billing_country varchar(40) | country
total numeric(10,2) | amount""", 50, "invoice_id", "customer_id")
    make.table("invoice_line", "L", "invoice_line_id int | id\ninvoice_id int | ref:invoice\ntrack_id int | ref:track\nunit_price numeric(10,2) | pick:0.99,1.99\nquantity int | n:1:4\ngift_note text | text | note", 90, "invoice_line_id", via=("invoice_id", "invoice", "invoice_id"))
    return make.world


def northwind(seed: int, dialect: str) -> World:
    make = Maker("northwind", seed, dialect)
    make.table("categories", "K", "category_id int | id\ncategory_name varchar(15) | pick:Beverages,Condiments,Produce\ndescription text | title", 4, "category_id")
    make.table("suppliers", "K", "supplier_id int | id\ncompany_name varchar(40) | title\ncity varchar(15) | city\ncountry varchar(15) | country", 5, "supplier_id")
    make.table("shippers", "K", "shipper_id int | id\ncompany_name varchar(40) | title", 3, "shipper_id")
    make.table("products", "K", "product_id int | id\nproduct_name varchar(40) | title\nsupplier_id int | ref:suppliers\ncategory_id int | ref:categories\nunit_price numeric(8,2) | amount\nunits_in_stock int | n:0:90\nreorder_level int | n:0:30\ndiscontinued int | n:0:2", 14, "product_id")
    make.table("region", "K", "region_id int | id\nregion_description bpchar | pick:East,West,North", 3, "region_id")
    make.table("territories", "K", "territory_id int | id\nterritory_description text | title\nregion_id int | ref:region", 8, "territory_id")
    make.table("employees", "E", """employee_id int | id
last_name varchar(20) | word | name
first_name varchar(10) | word | name
title varchar(30) | pick:Sales Representative,Sales Manager,Inside Sales Coordinator
title_of_courtesy varchar(25) | pick:Ms.,Dr.,Mr.
birth_date date | date | birth
hire_date date | day
address varchar(60) | text | address
city varchar(15) | city
country varchar(15) | country
home_phone varchar(24) | phone | phone
reports_to int | pick:9002,9002,9005
notes text | text | note""", 9, "employee_id", "employee_id", first=9001)
    make.table("employee_territories", "K", "employee_id int | ref:employees\nterritory_id int | ref:territories", 12, "employee_id,territory_id")
    make.table("customers", "P", """customer_id varchar(5) | id5
company_name varchar(40) | text | company
contact_name varchar(30) | text | name
contact_title varchar(30) | pick:Owner,Sales Agent,Marketing Manager
address varchar(60) | text | address
city varchar(15) | city
region varchar(15) | pick:SP,WA,OR
postal_code varchar(10) | digits | address
country varchar(15) | country
phone varchar(24) | phone | phone""", 22, "customer_id", "customer_id")
    make.table("orders", "C", """order_id int | id
customer_id varchar(5) | ref:customers
employee_id int | ref:employees
order_date date | day
required_date date | day
shipped_date date | day
ship_via int | ref:shippers
freight double precision | amount
ship_name varchar(40) | text | shipping
ship_address varchar(60) | text | shipping
ship_city varchar(15) | city
ship_country varchar(15) | country""", 60, "order_id", "customer_id", first=10248)
    make.table("order_details", "K", "order_id int | ref:orders\nproduct_id int | ref:products\nunit_price numeric(8,2) | amount\nquantity int | n:1:60\ndiscount double precision | pick:0,0.05,0.15,0.25", 110, "order_id,product_id")
    return make.world


def sakila(seed: int, dialect: str) -> World:
    make = Maker("sakila", seed, dialect)
    make.table("country", "K", "country_id int | id\ncountry varchar(50) | country", 5, "country_id")
    make.table("city", "K", "city_id int | id\ncity varchar(50) | city\ncountry_id int | ref:country", 8, "city_id")
    make.table("actor", "K", "actor_id int | id\nfirst_name varchar(45) | pick:PENELOPE,NICK,ED\nlast_name varchar(45) | title", 10, "actor_id")
    make.table("category", "K", "category_id int | id\nname varchar(25) | pick:Action,Comedy,Family,Drama", 4, "category_id")
    make.table("film", "K", "film_id int | id\ntitle varchar(255) | title\nrelease_year int | n:2004:2008\nrental_duration int | n:3:8\nrental_rate numeric(4,2) | pick:0.99,2.99,4.99\nlength int | n:46:185\nrating varchar(10) | pick:G,PG,R,NC-17", 15, "film_id")
    make.table("film_actor", "K", "actor_id int | ref:actor\nfilm_id int | ref:film", 30, "actor_id,film_id")
    make.table("film_category", "K", "film_id int | ref:film\ncategory_id int | ref:category", 15, "film_id,category_id")
    make.table("store", "K", "store_id int | id\nmanager_staff_id int | pick:7001,7002", 2, "store_id")
    make.table("inventory", "K", "inventory_id int | id\nfilm_id int | ref:film\nstore_id int | ref:store", 30, "inventory_id")
    # An address is that of the customer who points at it.
    make.table("customer", "P", """customer_id int | id
store_id int | ref:store
first_name varchar(45) | word | name
last_name varchar(45) | word | name
email varchar(50) | email | email
address_id int | id
active int | n:0:2
create_date date | day""", 22, "customer_id", "customer_id")
    make.table("address", "L", "address_id int | id\naddress varchar(50) | text | address\ndistrict varchar(20) | pick:Alberta,QLD,Texas\ncity_id int | ref:city\npostal_code varchar(10) | digits | address\nphone varchar(20) | phone | phone", 22, "address_id", via=("address_id", "customer", "address_id"))
    make.table("staff", "E", "staff_id int | id\nfirst_name varchar(45) | word | name\nlast_name varchar(45) | word | name\nemail varchar(50) | email | email\nstore_id int | ref:store\nactive boolean | flag\nusername varchar(16) | word | account", 3, "staff_id", "staff_id", first=7001)
    make.table("rental", "C", "rental_id int | id\nrental_date date | day\ninventory_id int | ref:inventory\ncustomer_id int | ref:customer\nreturn_date date | day\nstaff_id int | ref:staff\nremark text | text | remark", 70, "rental_id", "customer_id")
    make.table("payment", "C", "payment_id int | id\ncustomer_id int | ref:customer\nstaff_id int | ref:staff\nrental_id int | ref:rental\namount numeric(5,2) | pick:0.99,2.99,4.99,5.99\npayment_date date | day\ncard varchar(20) | digits | bank", 70, "payment_id", "customer_id")
    source = "public." if make.postgres else f"{make.schema}."
    joined = "cu.first_name || ' ' || cu.last_name" if make.postgres else "CONCAT(cu.first_name, _utf8mb4' ', cu.last_name)"
    make.view("customer_list", f"SELECT cu.customer_id AS id, {joined} AS name, a.address AS address, a.postal_code AS zip_code, a.phone AS phone, city.city AS city, country.country AS country, CASE WHEN cu.active = 1 THEN 'active' ELSE '' END AS notes, cu.store_id AS sid "
              f"FROM {source}customer cu JOIN {source}address a ON cu.address_id = a.address_id JOIN {source}city ON a.city_id = city.city_id JOIN {source}country ON city.country_id = country.country_id",
              [["id", "key", ""], ["name", "text", "name"], ["address", "text", "address"], ["city", "ftext", ""]])
    return make.world


def tpch(seed: int, dialect: str) -> World:
    make = Maker("tpch", seed, dialect)
    make.table("region", "K", "r_regionkey int | id\nr_name varchar(25) | pick:AFRICA,AMERICA,ASIA,EUROPE,MIDDLE EAST\nr_comment varchar(152) | title", 5, "r_regionkey", first=0)
    make.table("nation", "K", "n_nationkey int | id\nn_name varchar(25) | pick:BRAZIL,GERMANY,FRANCE,CHINA,INDIA,CANADA\nn_regionkey int | ref:region\nn_comment varchar(152) | title", 9, "n_nationkey", first=0)
    make.table("part", "K", "p_partkey int | id\np_name varchar(55) | pick:green forest,dark red,light blue,forest green\np_mfgr varchar(25) | pick:Manufacturer#1,Manufacturer#2\np_brand varchar(10) | pick:Brand#12,Brand#23,Brand#45\np_type varchar(25) | pick:PROMO BRASS,ECONOMY ANODIZED STEEL,MEDIUM POLISHED TIN\np_size int | n:1:50\np_container varchar(10) | pick:SM CASE,MED BOX,LG PKG,JUMBO PKG\np_retailprice numeric(15,2) | amount\np_comment varchar(23) | title", 18, "p_partkey")
    make.table("supplier", "E", "s_suppkey int | id\ns_name varchar(25) | word | name\ns_address varchar(40) | text | address\ns_nationkey int | ref:nation\ns_phone varchar(25) | phone | phone\ns_acctbal numeric(15,2) | num | account\ns_comment varchar(101) | title", 8, "s_suppkey", "s_suppkey", first=80001)
    make.table("partsupp", "K", "ps_partkey int | ref:part\nps_suppkey int | ref:supplier\nps_availqty int | n:1:99\nps_supplycost numeric(15,2) | amount\nps_comment varchar(199) | title", 40, "ps_partkey,ps_suppkey")
    make.table("customer", "P", "c_custkey int | id\nc_name varchar(25) | word | name\nc_address varchar(40) | text | address\nc_nationkey int | ref:nation\nc_phone varchar(25) | phone | phone\nc_acctbal numeric(15,2) | num | account\nc_mktsegment varchar(10) | pick:BUILDING,AUTOMOBILE,MACHINERY\nc_comment varchar(117) | text | note", 26, "c_custkey", "c_custkey")
    make.table("orders", "C", "o_orderkey int | id\no_custkey int | ref:customer\no_orderstatus varchar(1) | pick:F,O,P\no_totalprice numeric(15,2) | amount\no_orderdate date | day\no_orderpriority varchar(15) | pick:1-URGENT,2-HIGH,5-LOW\no_clerk varchar(15) | title\no_shippriority int | n:0:1\no_comment varchar(79) | text | remark", 60, "o_orderkey", "o_custkey")
    make.table("lineitem", "K", "l_orderkey int | ref:orders\nl_partkey int | ref:part\nl_suppkey int | ref:supplier\nl_linenumber int | id\nl_quantity numeric(15,2) | n:1:50\nl_extendedprice numeric(15,2) | amount\nl_discount numeric(15,2) | pick:0.05,0.06,0.07\nl_tax numeric(15,2) | pick:0.02,0.04\nl_returnflag varchar(1) | pick:R,A,N\nl_linestatus varchar(1) | pick:O,F\nl_shipdate date | day\nl_commitdate date | day\nl_receiptdate date | day\nl_shipinstruct varchar(25) | pick:DELIVER IN PERSON,NONE\nl_shipmode varchar(10) | pick:AIR,MAIL,SHIP\nl_comment varchar(44) | title", 150, "l_orderkey,l_linenumber")
    return make.world


def regress(seed: int, dialect: str) -> World:
    make = Maker("regress", seed, "postgresql")
    make.table("int4_tbl", "K", "f1 int | pick:0,123456,-123456,2147483647", 4, "f1")
    make.table("int8_tbl", "K", "q1 bigint | pick:123,4567890123456789\nq2 bigint | pick:456,4567890123456789,-4567890123456789", 5, "q1,q2")
    make.table("onek", "P", """unique1 int | id
unique2 int | n:0:60
two int | n:0:2
four int | n:0:4
ten int | n:0:10
hundred int | n:0:30
thousand int | n:0:50
even int | n:0:99
odd int | n:0:99
stringu1 name | word | name
stringu2 name | word | alias
string4 name | pick:AAAAxx,HHHHxx,OOOOxx,VVVVxx""", 40, "unique1", "unique1", first=0)
    make.table("tenk1", "C", "unique1 int | id\nunique2 int | ref:onek.unique1\nten int | n:0:10\nhundred int | n:0:30\nstringu1 name | word | remark\nstring4 name | pick:AAAAxx,HHHHxx,OOOOxx", 60, "unique1", "unique2")
    make.table("empsalary", "E", "depname varchar(20) | pick:develop,sales,personnel\nempno bigint | id\nsalary int | n:3500:6000\nenroll_date date | date | start\nbadge text | word | badge", 12, "empno", "empno", first=5001)
    make.table("department", "K", "id int | id\nparent_department int | n:0:4\nname text | pick:A,B,C,D,E", 7, "id")
    make.table("case_tbl", "K", "i int | id\nf double precision | pick:10.1,20.2,-30.3", 4, "i")
    person = make.table("person", "E", "no int | id\nname text | word | name\nage int | n:18:70\nlocation point | pick:\"(1,2)\",\"(3,4)\"".replace('"', ""), 10, "no", "no", first=6001)
    for row in person.rows:
        row["location"] = make.rng.choice(["(1,2)", "(3,4)", "(8,1)"])
    for child, column in (("emp", "salary int, manager name"), ("student", "gpa double precision")):
        person.after.append(f"CREATE TABLE public.{child} ({column}) INHERITS (public.person)")
        person.parts.append(child)
    make.world.after.append("INSERT INTO public.emp (no, name, age, location, salary, manager) SELECT no, name, age, location, 1000 + age, 'x' FROM ONLY public.person WHERE no % 3 = 0")
    make.world.after.append("INSERT INTO public.student (no, name, age, location, gpa) SELECT no, name, age, location, 3.5 FROM ONLY public.person WHERE no % 3 = 1")
    make.world.after.append("DELETE FROM ONLY public.person WHERE no % 3 IN (0, 1)")
    person.key = []
    return make.world


FIXED: dict[str, Callable[[int, str], World]] = {"chinook": chinook, "northwind": northwind, "sakila": sakila, "tpch": tpch, "regress": regress}


def world_of(seed: int, dialect: str, named: str = "") -> World:
    """The world of a seed; `named` wants that fixed schema, or a random one."""
    rng = random.Random(f"kind {dialect} {seed}")
    if named and named != "random":
        return FIXED[named](seed, dialect)
    if not named and rng.random() < 0.4:
        fitting = [name for name in sorted(FIXED) if dialect == "postgresql" or name != "regress"]
        return FIXED[rng.choice(fitting)](seed, dialect)
    return random_world(seed, dialect)
