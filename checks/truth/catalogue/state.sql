--- simple
-- search-path | pg fresh
SET search_path TO {P.schema}, public
;;
SELECT {P.text} FROM {P!} WHERE {P.key} = {=P.key}
-- search-path-elsewhere | pg fresh ddl
CREATE SCHEMA IF NOT EXISTS s{id}; CREATE TABLE s{id}.{P.word!} (a text); INSERT INTO s{id}.{P.word!} VALUES ('decoy')
;;
SET search_path TO s{id}
;;
SELECT * FROM {P!}
;;
SET LOCAL search_path TO public
;;
RESET search_path
;;
SELECT * FROM {P} LIMIT 1
-- set-local-path | pg fresh
BEGIN
;;
SET LOCAL search_path TO pg_catalog
;;
SELECT {P.text} FROM {P!}
;;
ROLLBACK
;;
SELECT {P.text} FROM {P!} LIMIT 1000
-- time-zone | pg fresh
SET TimeZone = '{?Asia/Hong_Kong|America/New_York|UTC|Europe/Oslo}'
;;
SELECT {P.text} FROM {P} WHERE {P.ftstz}::date = '2026-03-22'
;;
SELECT {P.text} FROM {P} WHERE {P.ftstz} >= '2026-03-22' AND {P.ftstz} < '2026-03-23'
;;
SELECT {P.text} FROM {P} WHERE date_trunc('day', {P.ftstz}) = '2026-03-22'
;;
SELECT {P.text} FROM {P} WHERE ({P.ftstz} AT TIME ZONE 'UTC')::date = '2026-03-22'
-- time-zone-own-value | pg fresh derived
SET timezone TO 'Asia/Tokyo'
;;
SELECT {P.key}, {P.tstz} FROM {P}
-- date-style | pg fresh
SET DateStyle = 'German, DMY'
;;
SELECT {P.text} FROM {P} WHERE {P.fdate} = '22.03.2026'
;;
SELECT {P.text} FROM {P} WHERE {P.fdate} > '03/04/2026'
-- role | pg fresh
SET ROLE app
;;
SELECT {P.text} FROM {P} WHERE {P.key} = {=P.key}
-- standard-strings | pg fresh
SET standard_conforming_strings = off
;;
SELECT {P.text} FROM {P} WHERE {P.ftext} <> 'a\'b' AND {P.fint} > 20
-- set-config-path | pg fresh
SELECT set_config('search_path', 'pg_temp', false)
;;
SELECT {P.text} FROM {P!}
-- discard | pg fresh
SET TimeZone = 'Asia/Hong_Kong'
;;
DISCARD ALL
;;
SELECT {P.text} FROM {P} WHERE {P.ftstz}::date = '2026-03-22'
-- time-zone-mysql | mysql fresh
SET time_zone = '+08:00'
;;
SELECT {P.text} FROM {P} WHERE DATE({P.fts}) = '2026-03-22'
-- names-latin | mysql fresh
SET NAMES utf8mb4 COLLATE utf8mb4_bin
;;
SELECT {P.text} FROM {P} WHERE 'Oslo' = 'oslo' AND {P.fint} > 20
-- select-limit | mysql fresh
SET sql_select_limit = 2
;;
SELECT {P.text} FROM {P} ORDER BY {P.key}
-- group-concat-max | mysql fresh
SET SESSION group_concat_max_len = 30
;;
SELECT GROUP_CONCAT({P.text} ORDER BY {P.key}) FROM {P}
-- safe-names | mysql fresh
SET NAMES utf8mb4; SET @@session.sql_mode = 'ONLY_FULL_GROUP_BY,STRICT_TRANS_TABLES'
;;
SELECT {P.text} FROM {P} WHERE {P.key} = {=P.key}
-- high-not | mysql fresh
SET sql_mode = 'HIGH_NOT_PRECEDENCE'
;;
SELECT {P.text} FROM {P} WHERE NOT {P.fint} BETWEEN 20 AND 30
-- oracle-mode | mysql fresh rare
SET sql_mode = 'ORACLE'
;;
SELECT {P.text} || '/' || {P.text2} FROM {P}
-- empty-is-null | mysql fresh rare
SET sql_mode = 'EMPTY_STRING_IS_NULL'
;;
SELECT {P.text} FROM {P} WHERE {P.ftext} = ''
-- transform-null | pg fresh rare
SET transform_null_equals = on
;;
SELECT {P.text} FROM {P} WHERE {P.ftext} = NULL
-- client-encoding | pg fresh rare
SET client_encoding = 'LATIN1'
;;
SELECT {P.text} FROM {P} WHERE {P.key} = {=P.key}
-- row-security | pg ddl rare
ALTER TABLE {C} ENABLE ROW LEVEL SECURITY; ALTER TABLE {C} FORCE ROW LEVEL SECURITY; CREATE POLICY p{id} ON {C} USING ({C.fnum} > 2)
;;
SELECT {C.text} FROM {C}
;;
ALTER TABLE {C} NO FORCE ROW LEVEL SECURITY; ALTER TABLE {C} DISABLE ROW LEVEL SECURITY; DROP POLICY p{id} ON {C}
