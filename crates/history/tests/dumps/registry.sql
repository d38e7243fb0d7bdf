-- What the dumps beside this file are of. Made up.
CREATE SCHEMA hr;
CREATE TYPE hr.mood AS ENUM ('sad', 'ok', 'happy');
CREATE DOMAIN hr.code AS character varying(8) CHECK (VALUE <> '');
CREATE COLLATION hr.german (provider = icu, locale = 'de', deterministic = false);
CREATE TABLE hr.staff (
    staff_no hr.code NOT NULL PRIMARY KEY,
    name character varying(40) COLLATE hr.german,
    mood hr.mood DEFAULT 'ok',
    born date,
    seen timestamp with time zone,
    pay numeric(10,2),
    initials text GENERATED ALWAYS AS (upper("left"(staff_no::text, 1))) STORED
);
CREATE TABLE hr.posting (
    staff_no hr.code,
    unit integer,
    note text,
    PRIMARY KEY (staff_no, unit),
    FOREIGN KEY (staff_no) REFERENCES hr.staff(staff_no) ON UPDATE CASCADE ON DELETE SET NULL
);
CREATE TABLE hr.duty (
    staff_no hr.code,
    unit integer,
    FOREIGN KEY (staff_no, unit) REFERENCES hr.posting(staff_no, unit) ON DELETE CASCADE
);
CREATE TABLE hr.log (id integer, at date) PARTITION BY RANGE (id);
CREATE TABLE hr.log_1 PARTITION OF hr.log FOR VALUES FROM (0) TO (100);
CREATE VIEW hr.units AS SELECT staff_no, unit FROM hr.posting;
CREATE MATERIALIZED VIEW hr.totals AS SELECT unit, count(*) AS n FROM hr.posting GROUP BY unit;
CREATE FUNCTION hr.find(text) RETURNS SETOF hr.staff LANGUAGE sql AS $_$ SELECT * FROM hr.staff WHERE name = $1; $_$;
CREATE FUNCTION hr.count_all() RETURNS bigint LANGUAGE sql BEGIN ATOMIC SELECT count(*) FROM hr.staff; SELECT count(*) FROM hr.posting; END;
CREATE FUNCTION hr.stamp() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.seen := now(); RETURN NEW; END; $$;
CREATE TRIGGER stamp BEFORE UPDATE ON hr.staff FOR EACH ROW EXECUTE FUNCTION hr.stamp();
CREATE POLICY own ON hr.staff USING (staff_no::text = CURRENT_USER);
ALTER TABLE hr.staff ENABLE ROW LEVEL SECURITY;
INSERT INTO hr.staff VALUES ('A1', 'Ada', 'happy', '1970-01-02', '2026-11-23 08:00:00+08', 10.50),
    ('B2', E'Bo\tb\n\\', 'sad', 'infinity', NULL, NULL), ('C3', '山田', NULL, '0044-03-15 BC', '2026-11-23 08:00:00+08', 3);
INSERT INTO hr.posting VALUES ('A1', 1, 'x'), ('A1', 2, NULL), ('C3', 1, '');
INSERT INTO hr.log VALUES (1, '2026-01-01'), (2, '2026-01-02');
REFRESH MATERIALIZED VIEW hr.totals;
ALTER DATABASE registry SET "TimeZone" TO 'Asia/Hong_Kong';
