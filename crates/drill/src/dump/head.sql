--
-- PostgreSQL database dump
--

\restrict @FENCE@

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
-- Name: crew; Type: SCHEMA; Schema: -; Owner: -
--

CREATE SCHEMA crew;


SET default_tablespace = '';

SET default_table_access_method = heap;

--
-- Name: assignment; Type: TABLE; Schema: crew; Owner: -
--

CREATE TABLE crew.assignment (
    assign_id integer NOT NULL,
    emp_id text NOT NULL,
    pier text NOT NULL,
    grade text NOT NULL,
    from_date date NOT NULL,
    to_date date
);


--
-- Name: assignment_assign_id_seq; Type: SEQUENCE; Schema: crew; Owner: -
--

CREATE SEQUENCE crew.assignment_assign_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


--
-- Name: assignment_assign_id_seq; Type: SEQUENCE OWNED BY; Schema: crew; Owner: -
--

ALTER SEQUENCE crew.assignment_assign_id_seq OWNED BY crew.assignment.assign_id;


--
-- Name: certificate; Type: TABLE; Schema: crew; Owner: -
--

CREATE TABLE crew.certificate (
    cert_id integer NOT NULL,
    emp_id text NOT NULL,
    title text NOT NULL,
    issuer text NOT NULL,
    granted date NOT NULL
);


--
-- Name: certificate_cert_id_seq; Type: SEQUENCE; Schema: crew; Owner: -
--

CREATE SEQUENCE crew.certificate_cert_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


--
-- Name: certificate_cert_id_seq; Type: SEQUENCE OWNED BY; Schema: crew; Owner: -
--

ALTER SEQUENCE crew.certificate_cert_id_seq OWNED BY crew.certificate.cert_id;


--
-- Name: employee; Type: TABLE; Schema: crew; Owner: -
--

CREATE TABLE crew.employee (
    emp_id text NOT NULL,
    full_name text NOT NULL,
    chinese_name text NOT NULL,
    sex character(1) NOT NULL,
    birth_date date NOT NULL,
    id_card text NOT NULL,
    mail text NOT NULL,
    mobile text NOT NULL,
    grade text NOT NULL,
    pier text NOT NULL,
    hired date NOT NULL,
    left_on date
);


--
-- Name: directory; Type: VIEW; Schema: crew; Owner: -
--

CREATE VIEW crew.directory AS
 SELECT employee.emp_id,
    employee.full_name,
    employee.grade,
    employee.pier,
    employee.mail
   FROM crew.employee
  WHERE (employee.left_on IS NULL);


--
-- Name: next_of_kin; Type: TABLE; Schema: crew; Owner: -
--

CREATE TABLE crew.next_of_kin (
    kin_id integer NOT NULL,
    emp_id text NOT NULL,
    kin_name text NOT NULL,
    relation text NOT NULL,
    kin_phone text NOT NULL
);


--
-- Name: next_of_kin_kin_id_seq; Type: SEQUENCE; Schema: crew; Owner: -
--

CREATE SEQUENCE crew.next_of_kin_kin_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


--
-- Name: next_of_kin_kin_id_seq; Type: SEQUENCE OWNED BY; Schema: crew; Owner: -
--

ALTER SEQUENCE crew.next_of_kin_kin_id_seq OWNED BY crew.next_of_kin.kin_id;


--
-- Name: pay; Type: TABLE; Schema: crew; Owner: -
--

CREATE TABLE crew.pay (
    emp_id text NOT NULL,
    bank_no text NOT NULL,
    pay_point integer NOT NULL
);


--
-- Name: vault; Type: TABLE; Schema: crew; Owner: -
--

CREATE TABLE crew.vault (
    id integer,
    note text
);


--
-- Name: assignment assign_id; Type: DEFAULT; Schema: crew; Owner: -
--

ALTER TABLE ONLY crew.assignment ALTER COLUMN assign_id SET DEFAULT nextval('crew.assignment_assign_id_seq'::regclass);


--
-- Name: certificate cert_id; Type: DEFAULT; Schema: crew; Owner: -
--

ALTER TABLE ONLY crew.certificate ALTER COLUMN cert_id SET DEFAULT nextval('crew.certificate_cert_id_seq'::regclass);


--
-- Name: next_of_kin kin_id; Type: DEFAULT; Schema: crew; Owner: -
--

ALTER TABLE ONLY crew.next_of_kin ALTER COLUMN kin_id SET DEFAULT nextval('crew.next_of_kin_kin_id_seq'::regclass);


