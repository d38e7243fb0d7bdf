--- simple
-- union |
SELECT title FROM department WHERE title = 'x' UNION SELECT {P.text} FROM {P} -- '
-- union-all-nulls |
SELECT id, title, floor FROM department WHERE id = -1 UNION ALL SELECT NULL, {P.text}, NULL FROM {P}
-- union-concat | pg
SELECT title FROM department WHERE id = 0 UNION SELECT {P.text} || ':' || {P.text2} FROM {P}
-- union-concat-hex | mysql
SELECT title FROM department WHERE id = 0 UNION SELECT CONCAT(0x7e, {P.text}, 0x7e, {P.text2}) FROM {P}
-- union-executable-comment | mysql
SELECT title FROM department WHERE id = 0 /*!50000 UNION SELECT {P.text} FROM {P} */
-- executable-comment-mariadb | mysql
SELECT title /*M! , (SELECT {P.text} FROM {P} WHERE {P.key} = {=P.key}) */ FROM department LIMIT 1
-- executable-comment-all | mysql
/*! SELECT {P.text} FROM {P} WHERE {P.key} = {=P.key} */
-- comment-glued | mysql
SELECT/**/{P.text}/**/FROM/**/{P}#x
-- tautology |
SELECT {P.list} FROM {P} WHERE {P.text} = '' OR '1'='1'
-- tautology-key |
SELECT {P.text} FROM {P} WHERE {P.key} = {=P.key} OR 1=1
-- error-cast | pg
SELECT * FROM department WHERE id = CAST((SELECT {P.text} FROM {P} WHERE {P.key} = {=P.key}) AS int)
-- error-cast-concat | pg
SELECT CAST((SELECT '~' || {P.text} || '~' FROM {P} ORDER BY {P.key} LIMIT 1 OFFSET {n}) AS numeric)
-- error-date | pg
SELECT (SELECT {P.text} FROM {P} WHERE {P.key} = {=P.key})::date
-- error-xpath | pg
SELECT xpath((SELECT {P.text} FROM {P} WHERE {P.key} = {=P.key}), '<a/>'::xml)
-- error-json | pg
SELECT (SELECT {P.text} FROM {P} WHERE {P.key} = {=P.key})::json
-- error-regclass | pg
SELECT (SELECT {P.text} FROM {P} WHERE {P.key} = {=P.key})::regclass
-- error-enum | pg
SELECT {P.text}::public.state_e FROM {P} WHERE {P.key} = {=P.key}
-- error-check | pg write
INSERT INTO {C} ({C.fk}, {C.text}) SELECT {P.text}, 'x' FROM {P} WHERE {P.key} = {=P.key}
-- error-unique-detail | write
INSERT INTO {P} SELECT * FROM {P} q WHERE q.{P.key} = {=P.key}
-- error-notnull-detail | pg write
UPDATE {P} SET {P.key} = NULL WHERE {P.key} = {=P.key}
-- error-query-to-xml | pg
SELECT query_to_xml('SELECT {P.text} FROM {P}', true, true, '')
-- table-to-xml | pg
SELECT table_to_xml('{P}', true, true, '')
-- error-extractvalue | mysql
SELECT EXTRACTVALUE(1, CONCAT(0x7e, (SELECT {P.text} FROM {P} WHERE {P.key} = {=P.key})))
-- error-updatexml | mysql
SELECT UPDATEXML(1, CONCAT(0x7e, (SELECT {P.text} FROM {P} ORDER BY {P.key} LIMIT 1)), 1)
-- error-duplicate-group | mysql
SELECT count(*), CONCAT((SELECT {P.text} FROM {P} WHERE {P.key} = {=P.key}), FLOOR(RAND(0)*2)) x FROM {P} GROUP BY x
-- error-warning-cast | mysql
SELECT CAST({P.text} AS UNSIGNED) FROM {P} LIMIT 2
;;
SHOW WARNINGS
-- error-intdiv | mysql
SELECT id FROM department WHERE id = (SELECT {P.text} FROM {P} WHERE {P.key} = {=P.key})
;;
SHOW WARNINGS
-- error-exp | mysql
SELECT EXP(~(SELECT * FROM (SELECT {P.text} FROM {P} LIMIT 1) x))
-- boolean-blind |
SELECT 1 FROM department WHERE id = 1 AND (SELECT SUBSTR({P.text}, 1, 1) FROM {P} WHERE {P.key} = {=P.key}) = 'A'
-- boolean-ascii |
SELECT CASE WHEN ASCII(SUBSTR((SELECT {P.text} FROM {P} WHERE {P.key} = {=P.key}), {n}, 1)) > 77 THEN 1 ELSE 0 END
-- piecewise |
SELECT SUBSTR({P.text}, 1, 6) FROM {P} WHERE {P.key} = {=P.key}
;;
SELECT SUBSTR({P.text}, 7, 6) FROM {P} WHERE {P.key} = {=P.key}
;;
SELECT SUBSTR({P.text}, 13, 8) FROM {P} WHERE {P.key} = {=P.key}
-- mid-group-concat | mysql
SELECT MID((SELECT GROUP_CONCAT({P.text}) FROM {P}), 1, 64)
-- string-agg-piece | pg
SELECT substring((SELECT string_agg({P.text}, chr(10) ORDER BY {P.key}) FROM {P}) FROM 1 FOR 60)
-- time-blind | pg
SELECT CASE WHEN (SELECT {P.text} FROM {P} WHERE {P.key} = {=P.key}) LIKE 'A%' THEN pg_sleep(0) END
-- encode-hex | pg
SELECT encode({P.text}::bytea, 'base64') FROM {P} WHERE {P.key} = {=P.key}
-- hex | mysql derived
SELECT HEX({P.text}) FROM {P} WHERE {P.key} = {=P.key}
-- reverse |
SELECT REVERSE({P.text}) FROM {P} WHERE {P.key} = {=P.key}
-- replace |
SELECT REPLACE({P.text}, ' ', '_') FROM {P}
-- schema-tables |
SELECT table_name FROM information_schema.tables WHERE table_schema = '{P.schema}'
-- schema-columns |
SELECT column_name, data_type FROM information_schema.columns WHERE table_name = '{P.word}'
-- catalogue-classes | pg
SELECT relname, relkind FROM pg_class WHERE relkind = 'r' ORDER BY relname LIMIT 20
-- catalogue-psql-d | pg
SELECT n.nspname as "Schema", c.relname as "Name", CASE c.relkind WHEN 'r' THEN 'table' WHEN 'v' THEN 'view' END as "Type", pg_catalog.pg_get_userbyid(c.relowner) as "Owner" FROM pg_catalog.pg_class c LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r','p','v','m','S','f','') AND n.nspname <> 'pg_catalog' AND n.nspname !~ '^pg_toast' AND n.nspname <> 'information_schema' AND pg_catalog.pg_table_is_visible(c.oid) ORDER BY 1,2
-- catalogue-roles | pg
SELECT rolname, rolsuper FROM pg_roles
-- catalogue-viewdef | pg
SELECT pg_get_viewdef('{V}'::regclass)
-- pg-stats | pg
ANALYZE {P}
;;
SELECT attname, most_common_vals::text, histogram_bounds::text FROM pg_stats WHERE tablename = '{P.word}'
-- pg-stats-values | pg
ANALYZE
;;
SELECT histogram_bounds FROM pg_stats WHERE schemaname NOT IN ('pg_catalog', 'information_schema')
-- activity | pg
SELECT query FROM pg_stat_activity WHERE query <> ''
-- activity-other | pg
@clerk
SELECT {P.text} FROM {P} WHERE {P.text} = {=P.text}
;;
SELECT usename, query FROM pg_stat_activity WHERE usename = 'clerk'
-- processlist | mysql
SHOW FULL PROCESSLIST
-- processlist-table | mysql
@clerk
SELECT {P.key} FROM {P} WHERE {P.text} = {=P.text}
;;
SELECT info FROM information_schema.processlist
-- show-tables | mysql
SHOW TABLES
-- show-create | mysql
SHOW CREATE TABLE {P}
-- describe | mysql
DESCRIBE {P}
-- explain |
EXPLAIN SELECT {P.text} FROM {P} WHERE {P.text} = {=P.text}
-- explain-analyze | pg
EXPLAIN (ANALYZE, COSTS OFF) SELECT {P.text} FROM {P} WHERE {P.fint} > 20
-- hidden-in-cte |
WITH x AS (SELECT {P.text} AS v FROM {P}) SELECT d.title, (SELECT max(v) FROM x) FROM department d
-- in-order-by |
SELECT title FROM department ORDER BY (SELECT {P.text} FROM {P} WHERE {P.key} = {=P.key})
-- in-limit | pg
SELECT title FROM department LIMIT (SELECT count(*) FROM {P} WHERE {P.text} LIKE 'A%')
-- notice-raise | pg
DO $$ DECLARE v text; BEGIN SELECT {P.text} INTO v FROM {P} WHERE {P.key} = {=P.key}; RAISE NOTICE 'v=%', v; END $$
-- exception-raise | pg
DO $$ DECLARE v text; BEGIN SELECT {P.text} INTO v FROM {P} WHERE {P.key} = {=P.key}; RAISE EXCEPTION '%', v; END $$
-- stacked | pg
SELECT title FROM department WHERE id = 1; SELECT {P.text} FROM {P}
-- stacked-mysql | mysql
SELECT title FROM department WHERE id = 1; SELECT {P.text} FROM {P}
-- copy-out | pg
COPY {P} TO STDOUT
-- copy-columns-csv | pg
COPY {P} ({P.key}, {P.text}) TO STDOUT WITH (FORMAT csv, HEADER)
-- copy-query | pg
COPY (SELECT {P.text} FROM {P} WHERE {P.fenum} = {=P.fenum}) TO STDOUT
-- copy-query-order | pg
COPY (SELECT {P.text}, {P.own2} FROM {P} ORDER BY {P.order}, {P.key} LIMIT {n}) TO STDOUT (DELIMITER ';')
-- cursor | pg
BEGIN
;;
DECLARE c{id} CURSOR FOR SELECT {P.key}, {P.text} FROM {P} ORDER BY {P.key}
;;
FETCH {n} FROM c{id}
;;
FETCH NEXT FROM c{id}
;;
MOVE FORWARD 2 FROM c{id}
;;
FETCH {?ALL|FORWARD 3|2} FROM c{id}
;;
CLOSE c{id}
;;
COMMIT
-- cursor-scroll | pg
BEGIN
;;
DECLARE c{id} SCROLL CURSOR FOR SELECT {P.text} FROM {P} ORDER BY {P.key}
;;
FETCH LAST FROM c{id}
;;
FETCH ABSOLUTE 2 FROM c{id}
;;
FETCH {?PRIOR|BACKWARD 1|RELATIVE 1|FIRST} FROM c{id}
;;
COMMIT
-- cursor-hold | pg
DECLARE h{id} CURSOR WITH HOLD FOR SELECT {P.text} FROM {P} ORDER BY {P.key}
;;
FETCH 3 FROM h{id}
;;
CLOSE h{id}
-- cursor-never-fetched | pg
BEGIN
;;
DECLARE c{id} CURSOR FOR SELECT {P.text} FROM {P}
;;
COMMIT
-- cursor-old-snapshot | pg write
BEGIN
;;
DECLARE c{id} CURSOR FOR SELECT {P.key}, {P.text} FROM {P} ORDER BY {P.key}
;;
@clerk
UPDATE {P} SET {P.text} = {new:P.text} WHERE {P.key} = {=P.key}
;;
FETCH ALL FROM c{id}
;;
COMMIT
-- prepare-execute | pg
PREPARE p{id} AS SELECT {P.key}, {P.text} FROM {P} WHERE {P.key} = $1
;;
EXECUTE p{id} ({=P.key})
;;
EXECUTE p{id}({=P.key@b})
;;
DEALLOCATE p{id}
-- prepare-never-executed | pg
PREPARE p{id} AS SELECT {P.text} FROM {P}
;;
DEALLOCATE p{id}
-- prepare-two-parameters | pg
PREPARE p{id} (int, text) AS SELECT {P.text} FROM {P} WHERE {P.fint} > $1 AND {P.fenum}::text = $2
;;
EXECUTE p{id} (20, {=P.fenum})
-- execute-create-as | pg write
PREPARE p{id} AS SELECT {P.text} AS t FROM {P}
;;
CREATE TABLE {id} AS EXECUTE p{id}
;;
SELECT t FROM {id}
-- prepare-mysql | mysql
PREPARE p{id} FROM 'SELECT {P.text} FROM {P} WHERE {P.key} = ?'
;;
SET @k = {=P.key}
;;
EXECUTE p{id} USING @k
;;
DEALLOCATE PREPARE p{id}
-- prepare-from-variable | mysql
SET @q = CONCAT('SELECT ', '{P.text}', ' FROM {P}')
;;
PREPARE p{id} FROM @q
;;
EXECUTE p{id}
-- execute-immediate | mysql
EXECUTE IMMEDIATE 'SELECT {P.text} FROM {P} WHERE {P.key} = ''{=P.key#}'''
-- execute-immediate-using | mysql
EXECUTE IMMEDIATE 'SELECT {P.text} FROM {P} WHERE {P.key} = ?' USING {=P.key}
-- portal-fetch | pg
@fetch=2
SELECT {P.text} FROM {P} ORDER BY {P.key}
-- variable | mysql
SELECT {P.text} INTO @v FROM {P} WHERE {P.key} = {=P.key}
;;
SELECT @v
-- variable-set | mysql
SET @v = (SELECT {P.text} FROM {P} WHERE {P.key} = {=P.key})
;;
SELECT @v AS x, 1
-- variable-assign | mysql
SELECT @a := {P.text} FROM {P} WHERE {P.key} = {=P.key}
;;
SELECT @a
-- variable-group-concat | mysql
SELECT GROUP_CONCAT({P.text}) INTO @g FROM {P}
;;
SELECT SUBSTRING(@g, 1, 50)
-- set-config-smuggle | pg
SELECT set_config('my.note', (SELECT {P.text} FROM {P} WHERE {P.key} = {=P.key}), false)
;;
SELECT current_setting('my.note')
-- do-block-temp | pg write
DO $$ BEGIN CREATE TEMP TABLE {id} AS SELECT {P.text} AS t FROM {P}; END $$
;;
SELECT t FROM {id}
-- listen-notify | pg
LISTEN c{id}
;;
SELECT pg_notify('c{id}', (SELECT {P.text} FROM {P} WHERE {P.key} = {=P.key}))
-- application-name | pg
SELECT set_config('application_name', (SELECT {P.own} FROM {P} WHERE {P.key} = {=P.key})::text, false)
-- lo-from-text | pg
SELECT lo_from_bytea(0, convert_to((SELECT {P.text} FROM {P} WHERE {P.key} = {=P.key}), 'UTF8'))
;;
SELECT loid, data FROM pg_largeobject ORDER BY loid DESC LIMIT 1
;;
SELECT convert_from(lo_get(max(loid)), 'UTF8') FROM pg_largeobject
-- handler | mysql
HANDLER {P} OPEN AS h
;;
HANDLER h READ FIRST
;;
HANDLER h READ NEXT LIMIT 2
;;
HANDLER h CLOSE
-- procedure-analyse | mysql rare
SELECT {P.text} FROM {P} PROCEDURE ANALYSE(10, 2000)
-- column-json | mysql
SELECT JSON_OBJECT('k', {P.key}, 't', {P.text}) FROM {P}
-- json-arrayagg | mysql
SELECT JSON_ARRAYAGG({P.text}) FROM {P}
-- two-versions-of-select | mysql
SELECT SQL_NO_CACHE STRAIGHT_JOIN {P.text} FROM {P} FORCE INDEX (PRIMARY) WHERE {P.key} = {=P.key}
-- select-distinctrow | mysql
SELECT DISTINCTROW {P.text} FROM {P}
-- calc-found-rows | mysql
SELECT SQL_CALC_FOUND_ROWS {P.text} FROM {P} ORDER BY {P.key} LIMIT {n}
;;
SELECT FOUND_ROWS()
-- limit-comma | mysql
SELECT {P.text} FROM {P} ORDER BY {P.key} LIMIT {n}, 2
-- boolean-literal | mysql
SELECT {P.text} FROM {P} WHERE {P.fbool} = TRUE
-- null-safe | mysql
SELECT {P.text} FROM {P} WHERE {P.ftext} <=> {=P.ftext}
-- regexp | mysql
SELECT {P.text} FROM {P} WHERE {P.ftext} REGEXP '^{?o|K|s}'
-- rlike-binary | mysql
SELECT {P.text} FROM {P} WHERE BINARY {P.ftext} RLIKE 'O'
-- json-extract | mysql
SELECT {P.text} FROM {P} WHERE JSON_EXTRACT({P.fjson}, '$.n') > {n}
-- json-value | mysql
SELECT {P.text}, JSON_VALUE({P.fjson}, '$.lang') FROM {P} WHERE JSON_VALUE({P.fjson}, '$.lang') = 'de'
-- json-own | mysql
SELECT JSON_UNQUOTE(JSON_EXTRACT({P.json}, '$.passport')) FROM {P}
-- find-in-set | mysql
SELECT {P.text} FROM {P} WHERE FIND_IN_SET({P.fenum}, 'new,closed')
-- enum-number | mysql
SELECT {P.text} FROM {P} WHERE {P.fenum} + 0 = 2
-- string-number | mysql
SELECT {P.text} FROM {P} WHERE {P.fcode} = 0
-- if-ifnull | mysql
SELECT {P.key}, IF({P.fint} > 30, {P.text}, {P.text2}), IFNULL({P.text}, {P.text2}) FROM {P}
-- backslash-escape | mysql
SELECT {P.text} FROM {P} WHERE {P.ftext} = 'Os\lo' OR {P.text} = 'it\'s'
-- double-quoted | mysql
SELECT {P.text} FROM {P} WHERE {P.ftext} = "Oslo"
-- ansi-quotes | mysql fresh
SET sql_mode = 'ANSI_QUOTES'
;;
SELECT "full_name" FROM {P} WHERE {P.key} = {=P.key}
-- pipes-concat | mysql fresh
SET SESSION sql_mode = CONCAT(@@sql_mode, ',PIPES_AS_CONCAT')
;;
SELECT {P.text} || '-' || {P.text2} FROM {P}
-- pipes-or | mysql
SELECT {P.text} FROM {P} WHERE {P.fint} > 50 || {P.fint} < 20
-- no-backslash | mysql fresh
SET sql_mode = 'NO_BACKSLASH_ESCAPES'
;;
SELECT {P.text} FROM {P} WHERE {P.ftext} <> '\' AND {P.fint} > 20
-- division | mysql
SELECT {P.text} FROM {P} WHERE {P.fint} DIV 2 > 10 XOR {P.fint} < 20
-- sounds-like | mysql rare
SELECT {P.text} FROM {P} WHERE {P.ftext} SOUNDS LIKE 'Oslo'
-- collate-binary | mysql
SELECT {P.text} FROM {P} WHERE {P.ftext} COLLATE utf8mb4_bin = {=P.ftext}
-- accents | mysql
SELECT {P.text} FROM {P} WHERE {P.ftext} = 'koln'
-- trailing-blank | mysql
SELECT {P.text} FROM {P} WHERE {P.ftext} = 'OSLO  '
-- like-case | mysql
SELECT {P.text} FROM {P} WHERE {P.ftext} LIKE 'z%'
-- group-by-no-aggregate | mysql
SELECT {P.fenum}, {P.text} FROM {P} GROUP BY {P.fenum}
-- having-no-group | mysql
SELECT {P.text}, {P.fint} AS a FROM {P} HAVING a > 30
-- order-enum | mysql
SELECT {P.text} FROM {P} ORDER BY {P.fenum}, {P.key} LIMIT {n}
-- order-collation | mysql
SELECT {P.text} FROM {P} ORDER BY {P.onlytext}, {P.key} LIMIT {n}
-- values-table | mysql rare
SELECT p.{P.text} FROM (VALUES (1), (2)) v JOIN {P} p ON p.{P.key} = {=P.key}
-- natural-join-using | mysql
SELECT {P.text} FROM {P} JOIN (SELECT {P.key} FROM {P} WHERE {P.fint} > 30) q USING ({P.key})
-- straight-from-dual | mysql
SELECT (SELECT {P.text} FROM {P} WHERE {P.key} = {=P.key}) FROM DUAL
-- date-literal | mysql
SELECT {P.text} FROM {P} WHERE {P.fdate} >= DATE '2026-03-22'
-- date-add | mysql
SELECT {P.text} FROM {P} WHERE {P.fdate} > DATE_SUB('2026-03-25', INTERVAL 3 DAY)
-- date-function | mysql
SELECT {P.text} FROM {P} WHERE DATE({P.fts}) = '2026-03-22'
-- timestampdiff | mysql
SELECT {P.text} FROM {P} WHERE TIMESTAMPDIFF(DAY, {P.fdate}, '2026-03-25') > 2
-- window-mysql | mysql
SELECT t.a FROM (SELECT {P.text} AS a, ROW_NUMBER() OVER (PARTITION BY {P.fenum} ORDER BY {P.fint} DESC, {P.key}) AS rn FROM {P}) t WHERE rn = 1
-- except-mysql | mysql
SELECT {P.text} FROM {P} EXCEPT SELECT {P.text} FROM {P} WHERE {P.fint} > 30
-- use-database | mysql
USE {P.schema}
;;
SELECT {P.text} FROM {P!}
-- offset-fetch | mysql
SELECT {P.text} FROM {P} ORDER BY {P.key} OFFSET 1 ROWS FETCH NEXT {n} ROWS ONLY
-- fetch-with-ties | mysql
SELECT {P.text} FROM {P} ORDER BY {P.fint} FETCH FIRST {n} ROWS WITH TIES
-- for-update-skip |
SELECT {P.text} FROM {P} WHERE {P.fenum} = {=P.fenum} ORDER BY {P.key} LIMIT {n} FOR UPDATE SKIP LOCKED
-- error-after-rows | pg
SELECT {P.text}, 1 / ({P.fint} - {=P.fint}) FROM {P} ORDER BY {P.key}
-- error-after-rows-unsorted | pg
SELECT {P.text}, 1 / ({P.fint} - {=P.fint}) FROM {P}
-- error-after-rows-mysql | mysql
SELECT {P.text}, CASE WHEN {P.key} = {=P.key} THEN (SELECT id FROM department UNION SELECT id FROM department) END FROM {P}
