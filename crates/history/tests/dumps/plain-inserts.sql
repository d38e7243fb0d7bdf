--
-- PostgreSQL database dump
--

\restrict lPY0gF59tReaeEvdDGBU9OTDGmB41VjJngUYLEYRbPYERnu8nuTgmdoERGIgN9N

-- Dumped from database version 15.18 (Debian 15.18-0+deb12u1)
-- Dumped by pg_dump version 15.18 (Debian 15.18-0+deb12u1)

SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

--
-- Name: registry; Type: DATABASE; Schema: -; Owner: postgres
--

CREATE DATABASE registry WITH TEMPLATE = template0 ENCODING = 'UTF8' LOCALE_PROVIDER = libc LOCALE = 'C';


ALTER DATABASE registry OWNER TO postgres;

\unrestrict lPY0gF59tReaeEvdDGBU9OTDGmB41VjJngUYLEYRbPYERnu8nuTgmdoERGIgN9N
\connect registry
\restrict lPY0gF59tReaeEvdDGBU9OTDGmB41VjJngUYLEYRbPYERnu8nuTgmdoERGIgN9N

SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

--
-- Name: registry; Type: DATABASE PROPERTIES; Schema: -; Owner: postgres
--

ALTER DATABASE registry SET "TimeZone" TO 'Asia/Hong_Kong';


\unrestrict lPY0gF59tReaeEvdDGBU9OTDGmB41VjJngUYLEYRbPYERnu8nuTgmdoERGIgN9N
\connect registry
\restrict lPY0gF59tReaeEvdDGBU9OTDGmB41VjJngUYLEYRbPYERnu8nuTgmdoERGIgN9N

SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

--
-- Name: hr; Type: SCHEMA; Schema: -; Owner: postgres
--

CREATE SCHEMA hr;


ALTER SCHEMA hr OWNER TO postgres;

--
-- Name: german; Type: COLLATION; Schema: hr; Owner: postgres
--

CREATE COLLATION hr.german (provider = icu, deterministic = false, locale = 'de');


ALTER COLLATION hr.german OWNER TO postgres;

--
-- Name: code; Type: DOMAIN; Schema: hr; Owner: postgres
--

CREATE DOMAIN hr.code AS character varying(8)
	CONSTRAINT code_check CHECK (((VALUE)::text <> ''::text));


ALTER DOMAIN hr.code OWNER TO postgres;

--
-- Name: mood; Type: TYPE; Schema: hr; Owner: postgres
--

CREATE TYPE hr.mood AS ENUM (
    'sad',
    'ok',
    'happy'
);


ALTER TYPE hr.mood OWNER TO postgres;

SET default_tablespace = '';

SET default_table_access_method = heap;

--
-- Name: posting; Type: TABLE; Schema: hr; Owner: postgres
--

CREATE TABLE hr.posting (
    staff_no hr.code NOT NULL,
    unit integer NOT NULL,
    note text
);


ALTER TABLE hr.posting OWNER TO postgres;

--
-- Name: staff; Type: TABLE; Schema: hr; Owner: postgres
--

CREATE TABLE hr.staff (
    staff_no hr.code NOT NULL,
    name character varying(40) COLLATE hr.german,
    mood hr.mood DEFAULT 'ok'::hr.mood,
    born date,
    seen timestamp with time zone,
    pay numeric(10,2),
    initials text GENERATED ALWAYS AS (upper("left"((staff_no)::text, 1))) STORED
);


ALTER TABLE hr.staff OWNER TO postgres;

--
-- Name: count_all(); Type: FUNCTION; Schema: hr; Owner: postgres
--

CREATE FUNCTION hr.count_all() RETURNS bigint
    LANGUAGE sql
    BEGIN ATOMIC
 SELECT count(*) AS count
    FROM hr.staff;
 SELECT count(*) AS count
    FROM hr.posting;
END;


ALTER FUNCTION hr.count_all() OWNER TO postgres;

--
-- Name: find(text); Type: FUNCTION; Schema: hr; Owner: postgres
--

CREATE FUNCTION hr.find(text) RETURNS SETOF hr.staff
    LANGUAGE sql
    AS $_$ SELECT * FROM hr.staff WHERE name = $1; $_$;


ALTER FUNCTION hr.find(text) OWNER TO postgres;

--
-- Name: stamp(); Type: FUNCTION; Schema: hr; Owner: postgres
--

CREATE FUNCTION hr.stamp() RETURNS trigger
    LANGUAGE plpgsql
    AS $$ BEGIN NEW.seen := now(); RETURN NEW; END; $$;


ALTER FUNCTION hr.stamp() OWNER TO postgres;

--
-- Name: duty; Type: TABLE; Schema: hr; Owner: postgres
--

CREATE TABLE hr.duty (
    staff_no hr.code,
    unit integer
);


ALTER TABLE hr.duty OWNER TO postgres;

--
-- Name: log; Type: TABLE; Schema: hr; Owner: postgres
--

CREATE TABLE hr.log (
    id integer,
    at date
)
PARTITION BY RANGE (id);


ALTER TABLE hr.log OWNER TO postgres;

--
-- Name: log_1; Type: TABLE; Schema: hr; Owner: postgres
--

CREATE TABLE hr.log_1 (
    id integer,
    at date
);


ALTER TABLE hr.log_1 OWNER TO postgres;

--
-- Name: totals; Type: MATERIALIZED VIEW; Schema: hr; Owner: postgres
--

CREATE MATERIALIZED VIEW hr.totals AS
 SELECT posting.unit,
    count(*) AS n
   FROM hr.posting
  GROUP BY posting.unit
  WITH NO DATA;


ALTER TABLE hr.totals OWNER TO postgres;

--
-- Name: units; Type: VIEW; Schema: hr; Owner: postgres
--

CREATE VIEW hr.units AS
 SELECT posting.staff_no,
    posting.unit
   FROM hr.posting;


ALTER TABLE hr.units OWNER TO postgres;

--
-- Name: log_1; Type: TABLE ATTACH; Schema: hr; Owner: postgres
--

ALTER TABLE ONLY hr.log ATTACH PARTITION hr.log_1 FOR VALUES FROM (0) TO (100);


--
-- Data for Name: duty; Type: TABLE DATA; Schema: hr; Owner: postgres
--



--
-- Data for Name: log_1; Type: TABLE DATA; Schema: hr; Owner: postgres
--

INSERT INTO hr.log_1 (id, at) VALUES (1, '2026-01-01');
INSERT INTO hr.log_1 (id, at) VALUES (2, '2026-01-02');


--
-- Data for Name: posting; Type: TABLE DATA; Schema: hr; Owner: postgres
--

INSERT INTO hr.posting (staff_no, unit, note) VALUES ('A1', 1, 'x');
INSERT INTO hr.posting (staff_no, unit, note) VALUES ('A1', 2, NULL);
INSERT INTO hr.posting (staff_no, unit, note) VALUES ('C3', 1, '');


--
-- Data for Name: staff; Type: TABLE DATA; Schema: hr; Owner: postgres
--

INSERT INTO hr.staff (staff_no, name, mood, born, seen, pay) VALUES ('A1', 'Ada', 'happy', '1970-01-02', '2026-11-23 08:00:00+08', 10.50);
INSERT INTO hr.staff (staff_no, name, mood, born, seen, pay) VALUES ('B2', 'Bo	b
\', 'sad', 'infinity', NULL, NULL);
INSERT INTO hr.staff (staff_no, name, mood, born, seen, pay) VALUES ('C3', '山田', NULL, '0044-03-15 BC', '2026-11-23 08:00:00+08', 3.00);


--
-- Name: posting posting_pkey; Type: CONSTRAINT; Schema: hr; Owner: postgres
--

ALTER TABLE ONLY hr.posting
    ADD CONSTRAINT posting_pkey PRIMARY KEY (staff_no, unit);


--
-- Name: staff staff_pkey; Type: CONSTRAINT; Schema: hr; Owner: postgres
--

ALTER TABLE ONLY hr.staff
    ADD CONSTRAINT staff_pkey PRIMARY KEY (staff_no);


--
-- Name: staff stamp; Type: TRIGGER; Schema: hr; Owner: postgres
--

CREATE TRIGGER stamp BEFORE UPDATE ON hr.staff FOR EACH ROW EXECUTE FUNCTION hr.stamp();


--
-- Name: duty duty_staff_no_unit_fkey; Type: FK CONSTRAINT; Schema: hr; Owner: postgres
--

ALTER TABLE ONLY hr.duty
    ADD CONSTRAINT duty_staff_no_unit_fkey FOREIGN KEY (staff_no, unit) REFERENCES hr.posting(staff_no, unit) ON DELETE CASCADE;


--
-- Name: posting posting_staff_no_fkey; Type: FK CONSTRAINT; Schema: hr; Owner: postgres
--

ALTER TABLE ONLY hr.posting
    ADD CONSTRAINT posting_staff_no_fkey FOREIGN KEY (staff_no) REFERENCES hr.staff(staff_no) ON UPDATE CASCADE ON DELETE SET NULL;


--
-- Name: staff own; Type: POLICY; Schema: hr; Owner: postgres
--

CREATE POLICY own ON hr.staff USING (((staff_no)::text = CURRENT_USER));


--
-- Name: staff; Type: ROW SECURITY; Schema: hr; Owner: postgres
--

ALTER TABLE hr.staff ENABLE ROW LEVEL SECURITY;

--
-- Name: totals; Type: MATERIALIZED VIEW DATA; Schema: hr; Owner: postgres
--

REFRESH MATERIALIZED VIEW hr.totals;


--
-- PostgreSQL database dump complete
--

\unrestrict lPY0gF59tReaeEvdDGBU9OTDGmB41VjJngUYLEYRbPYERnu8nuTgmdoERGIgN9N

