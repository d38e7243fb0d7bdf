--- simple ddl
-- create-view |
CREATE VIEW {id} AS SELECT {P.key} AS a, {P.text} AS b FROM {P} WHERE {P.fint} > 20
;;
SELECT b FROM {id}
;;
DROP VIEW {id}
-- replace-view |
CREATE VIEW {id} AS SELECT {P.text} AS b FROM {P} WHERE {P.fint} > 200
;;
SELECT b FROM {id}
;;
CREATE OR REPLACE VIEW {id} AS SELECT {P.text} AS b FROM {P}
;;
SELECT b FROM {id}
-- rename-table |
ALTER TABLE {C} RENAME TO {id}
;;
SELECT {C.text} FROM {id}
;;
ALTER TABLE {id} RENAME TO {C!}
;;
SELECT {C.text} FROM {C}
-- rename-column |
ALTER TABLE {C} RENAME COLUMN {C.text} TO {id}
;;
SELECT {id} FROM {C}
;;
ALTER TABLE {C} RENAME COLUMN {id} TO {C.text}
-- swap-columns | pg
ALTER TABLE {P} RENAME COLUMN {P.fint} TO {id}; ALTER TABLE {P} RENAME COLUMN {P.fnum} TO {P.fint}; ALTER TABLE {P} RENAME COLUMN {id} TO {P.fnum}
;;
SELECT {P.text} FROM {P} WHERE {P.fint} > 20
;;
ALTER TABLE {P} RENAME COLUMN {P.fint} TO {id}; ALTER TABLE {P} RENAME COLUMN {P.fnum} TO {P.fint}; ALTER TABLE {P} RENAME COLUMN {id} TO {P.fnum}
-- add-column |
ALTER TABLE {P} ADD COLUMN {id} int DEFAULT 7
;;
UPDATE {P} SET {id} = 8 WHERE {P.key} = {=P.key}
;;
SELECT {P.text} FROM {P} WHERE {id} = 7
;;
ALTER TABLE {P} DROP COLUMN {id}
-- add-column-copy |
ALTER TABLE {P} ADD COLUMN {id} text
;;
UPDATE {P} SET {id} = {P.text}
;;
SELECT {id} FROM {P}
;;
ALTER TABLE {P} DROP COLUMN {id}
-- set-schema | pg
CREATE SCHEMA IF NOT EXISTS s{id}
;;
ALTER TABLE {C} SET SCHEMA s{id}
;;
SELECT {C.text} FROM s{id}.{C!}
;;
ALTER TABLE s{id}.{C!} SET SCHEMA {C.schema!}
-- materialized-view | pg
CREATE MATERIALIZED VIEW {id} AS SELECT {P.key} AS k, {P.text} AS t FROM {P}
;;
UPDATE {P} SET {P.text} = {new:P.text} WHERE {P.key} = {=P.key}
;;
SELECT t FROM {id}
;;
REFRESH MATERIALIZED VIEW {id}
;;
SELECT t FROM {id} WHERE k = {=P.key}
-- materialized-no-data | pg
CREATE MATERIALIZED VIEW {id} AS SELECT {P.text} AS t FROM {P} WITH NO DATA
;;
SELECT t FROM {id}
;;
REFRESH MATERIALIZED VIEW {id}
;;
SELECT t FROM {id}
-- create-function | pg
CREATE FUNCTION f{id}() RETURNS SETOF text LANGUAGE sql AS $$ SELECT {P.text}::text FROM {P} $$
;;
SELECT f{id}()
;;
SELECT * FROM f{id}() AS t(x) LIMIT 3
-- function-plpgsql | pg
CREATE FUNCTION f{id}(k text) RETURNS text LANGUAGE plpgsql AS $$ DECLARE r text; BEGIN EXECUTE 'SELECT {P.text} FROM {P} WHERE {P.key}::text = $1' INTO r USING k; RETURN r; END $$
;;
SELECT f{id}({=P.key})
-- create-procedure-mysql | mysql
CREATE PROCEDURE f{id}() SELECT {P.text} FROM {P}
;;
CALL f{id}()
;;
DROP PROCEDURE f{id}
-- create-like | 
CREATE TABLE {id} (LIKE {C}) 
;;
INSERT INTO {id} SELECT * FROM {C}
;;
SELECT {C.text} FROM {id}
-- like-mysql | mysql
CREATE TABLE {id} LIKE {C}
;;
INSERT INTO {id} SELECT * FROM {C} WHERE {C.fk} = {=C.fk}
;;
SELECT {C.text} FROM {id}
-- rename-mysql-two | mysql
CREATE TABLE {id} LIKE {C}
;;
RENAME TABLE {C} TO {id2}, {id} TO {C}
;;
SELECT {C.text} FROM {C}
;;
SELECT {C.text} FROM {id2}
;;
RENAME TABLE {C} TO {id}, {id2} TO {C}
-- change-column-mysql | mysql
ALTER TABLE {C} CHANGE {C.text} {id} varchar(90)
;;
SELECT {id} FROM {C}
;;
ALTER TABLE {C} CHANGE {id} {C.text} varchar(90)
-- rules | pg
CREATE TABLE {id} (a text); CREATE RULE "_RETURN" AS ON SELECT TO {id} DO INSTEAD SELECT {P.text}::text AS a FROM {P}
;;
SELECT a FROM {id}
-- drop-view-used | 
DROP VIEW IF EXISTS {id}
;;
SELECT {V.any} FROM {V}
-- view-then-source-changes |
CREATE VIEW {id} AS SELECT * FROM {C}
;;
INSERT INTO {C} {insert:C}
;;
SELECT * FROM {id}
;;
DROP VIEW {id}
-- alter-type | pg
ALTER TABLE {C} ALTER COLUMN {C.fnum} TYPE text USING {C.fnum}::text
;;
SELECT {C.text} FROM {C} WHERE {C.fnum} > '2'
;;
ALTER TABLE {C} ALTER COLUMN {C.fnum} TYPE numeric(8,2) USING {C.fnum}::numeric(8,2)
-- inherit | pg
CREATE TABLE {id} () INHERITS ({C})
;;
INSERT INTO {id} SELECT * FROM {C} WHERE {C.fk} = {=C.fk}
;;
SELECT {C.text} FROM {id}
;;
SELECT {C.text} FROM ONLY {C}
;;
DROP TABLE {id}
-- enum-add | pg
ALTER TYPE public.state_e ADD VALUE IF NOT EXISTS 'first' BEFORE '{=P.fenum#}'
;;
SELECT {P.text} FROM {P} ORDER BY {P.fenum} LIMIT 2
-- trigger | pg rare
CREATE FUNCTION t{id}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.{P.fint} := 1; RETURN NEW; END $$; CREATE TRIGGER t{id} BEFORE UPDATE ON {P} FOR EACH ROW EXECUTE FUNCTION t{id}()
;;
UPDATE {P} SET {P.fint} = 50 WHERE {P.key} = {=P.key}
;;
SELECT {P.text} FROM {P} WHERE {P.fint} = 1
;;
DROP TRIGGER t{id} ON {P}
