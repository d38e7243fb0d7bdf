--- write
-- update-then-read |
UPDATE {P} SET {P.text} = {new:P.text} WHERE {P.key} = {=P.key}
;;
SELECT {P.key}, {P.text} FROM {P} WHERE {P.key} = {=P.key}
-- update-filter-then-filter |
UPDATE {P} SET {P.fenum} = {=P.fenum@b} WHERE {P.key} = {=P.key}
;;
SELECT {P.text} FROM {P} WHERE {P.fenum} = {=P.fenum@b}
-- update-by-condition |
UPDATE {P} SET {P.ftext} = 'Moved' WHERE {P.fint} > {=P.fint}
;;
SELECT {P.text} FROM {P} WHERE {P.ftext} = 'Moved'
-- update-several | 
UPDATE {P} SET {P.ftext} = {=P.ftext@b}, {P.fint} = {n} WHERE {P.fenum} = {=P.fenum} AND {P.fint} IS NOT NULL
;;
SELECT {P.text} FROM {P} WHERE {P.fint} = {n}
-- clerk-updates |
@clerk
UPDATE {P} SET {P.text} = {new:P.text} WHERE {P.key} = {=P.key}
;;
SELECT {P.text} FROM {P} WHERE {P.key} = {=P.key}
-- clerk-updates-filter |
@clerk
UPDATE {P} SET {P.fint} = 99 WHERE {P.key} = {=P.key}
;;
SELECT {P.text}, {P.fint} FROM {P} WHERE {P.fint} > 90
-- clerk-inserts |
@clerk
INSERT INTO {P} {insert:P}
;;
SELECT {P.text}, {P.own2} FROM {P} WHERE {P.key} = {=P.key}
-- clerk-inserts-things |
@clerk
INSERT INTO {C} {insert:C}
;;
SELECT {C.text} FROM {C} WHERE {C.fk} = {=C.fk}
-- clerk-deletes |
@clerk
DELETE FROM {C} WHERE {C.fk} = {=C.fk}
;;
SELECT {C.text} FROM {C} ORDER BY {C.text}
-- clerk-deletes-range |
@clerk
DELETE FROM {C} WHERE {C.fdate} < {=C.fdate}
;;
SELECT {C.text} FROM {C}
-- insert-own |
INSERT INTO {P} {insert:P}
;;
SELECT * FROM {P} WHERE {P.key} = {=P.key}
-- insert-read-all |
INSERT INTO {C} {insert:C}
;;
SELECT {C.text}, {C.own2} FROM {C} WHERE {C.fnum} IS NOT NULL
-- update-returning | pg
UPDATE {P} SET {P.text} = {new:P.text} WHERE {P.key} = {=P.key} RETURNING {P.key}, {P.text}
-- update-returning-star | pg
UPDATE {P} SET {P.fint} = {P.fint} WHERE {P.fenum} = {=P.fenum} RETURNING *
-- delete-returning | pg
DELETE FROM {C} WHERE {C.fk} = {=C.fk} RETURNING {C.text}, {C.fk}
-- delete-returning-mysql | mysql
DELETE FROM {C} WHERE {C.fk} = {=C.fk} RETURNING {C.text}
-- insert-returning | pg
INSERT INTO {P} {insert:P} RETURNING {P.key}, {P.text}
-- insert-returning-mysql | mysql
INSERT INTO {P} {insert:P} RETURNING {P.key}, {P.text}
-- replace-returning | mysql
REPLACE INTO {C} {insert:C} RETURNING {C.text}
-- upsert-do-update-returning | pg
INSERT INTO {P} {insert:P} ON CONFLICT ({P.key}) DO UPDATE SET {P.text} = EXCLUDED.{P.text} RETURNING {P.text}, {P.own2}
-- upsert-existing-returning | pg
INSERT INTO {P} SELECT * FROM {P} WHERE {P.key} = {=P.key} ON CONFLICT ({P.key}) DO UPDATE SET {P.fint} = 33 RETURNING {P.key}, {P.text}
-- upsert-do-nothing | pg
INSERT INTO {P} SELECT * FROM {P} WHERE {P.key} = {=P.key} ON CONFLICT DO NOTHING RETURNING {P.text}
-- on-duplicate-key | mysql
INSERT INTO {P} SELECT * FROM {P} q WHERE q.{P.key} = {=P.key} ON DUPLICATE KEY UPDATE {P.fint} = 33
;;
SELECT {P.text} FROM {P} WHERE {P.fint} = 33
-- update-from | pg
UPDATE {P} p SET {P.fint} = 77 FROM {C} c WHERE c.{C.fk} = p.{P.key} AND c.{C.fcode} = {=C.fcode}
;;
SELECT {P.text} FROM {P} WHERE {P.fint} = 77
-- update-join | mysql
UPDATE {P} p JOIN {C} c ON c.{C.fk} = p.{P.key} SET p.{P.fint} = 77 WHERE c.{C.fcode} = {=C.fcode}
;;
SELECT {P.text} FROM {P} WHERE {P.fint} = 77
-- update-from-returning | pg
UPDATE {C} c SET {C.fnum} = c.{C.fnum} FROM {P} p WHERE c.{C.fk} = p.{P.key} AND p.{P.fenum} = {=P.fenum} RETURNING p.{P.text}, c.{C.text}
-- delete-using | pg
DELETE FROM {C} c USING {P} p WHERE c.{C.fk} = p.{P.key} AND p.{P.fint} > 60
;;
SELECT {C.text} FROM {C}
-- cte-update-returning | pg
WITH changed AS (UPDATE {P} SET {P.fint} = 44 WHERE {P.fenum} = {=P.fenum} RETURNING {P.key}, {P.text}) SELECT {P.text} FROM changed
-- cte-delete-insert | pg
WITH gone AS (DELETE FROM {C} WHERE {C.fk} = {=C.fk} RETURNING *) SELECT {C.text} FROM gone
-- cte-update-old-snapshot | pg
WITH changed AS (UPDATE {P} SET {P.fenum} = {=P.fenum@b} WHERE {P.key} = {=P.key} RETURNING 1) SELECT {P.text} FROM {P} WHERE {P.fenum} = {=P.fenum@b}
-- insert-select-copy |
CREATE TABLE {id} AS SELECT {P.key} AS k, {P.text} AS t FROM {P} WHERE {P.fint} > 20
;;
SELECT t FROM {id}
;;
DROP TABLE {id}
-- create-as-limit | 
CREATE TABLE {id} AS SELECT {P.text} AS t FROM {P} ORDER BY {P.key} LIMIT {n}
;;
SELECT * FROM {id}
-- create-as-then-source-changes |
CREATE TABLE {id} AS SELECT {P.key} AS k, {P.text} AS t FROM {P}
;;
UPDATE {P} SET {P.text} = {new:P.text} WHERE {P.key} = {=P.key}
;;
SELECT t FROM {id} WHERE k = {=P.key}
-- select-into | pg simple
SELECT {P.key}, {P.text} INTO {id} FROM {P}
;;
SELECT * FROM {id} ORDER BY 1 LIMIT 3
-- temp-table | simple
CREATE TEMPORARY TABLE {id} AS SELECT {P.text} AS t FROM {P}
;;
SELECT t FROM {id}
;;
SELECT count(*) FROM {id}
-- temp-shadows | simple fresh
CREATE TEMPORARY TABLE {P!} (a int)
;;
SELECT * FROM {P!}
-- insert-into-notes | simple
CREATE TABLE {id} (k int, note text)
;;
INSERT INTO {id} SELECT 1, {P.text} FROM {P} WHERE {P.key} = {=P.key}
;;
INSERT INTO {id} VALUES (2, (SELECT {P.own2} FROM {P} WHERE {P.key} = {=P.key@b}))
;;
SELECT note FROM {id}
-- smuggle-into-lookup |
UPDATE department SET title = (SELECT {P.text} FROM {P} WHERE {P.key} = {=P.key}) WHERE id = 2
;;
SELECT title FROM department
;;
UPDATE department SET title = 'Office' WHERE id = 2
-- smuggle-into-lookup-by-clerk-read |
INSERT INTO department VALUES (77, (SELECT {P.text} FROM {P} WHERE {P.key} = {=P.key}), 3)
;;
SELECT * FROM department WHERE id > 3
;;
DELETE FROM department WHERE id = 77
-- copy-value-to-another | moves
UPDATE {P} SET {P.own2} = {P.own2}, {P.text} = (SELECT q.{P.text} FROM (SELECT * FROM {P}) q WHERE q.{P.key} = {=P.key@b}) WHERE {P.key} = {=P.key}
;;
SELECT {P.text} FROM {P} WHERE {P.key} = {=P.key}
-- update-set-subquery-filter |
UPDATE {P} SET {P.fint} = (SELECT count(*) FROM {C} c WHERE c.{C.fk} = {P}.{P.key})
;;
SELECT {P.text} FROM {P} WHERE {P.fint} = 0
-- truncate |
TRUNCATE TABLE {L}
;;
SELECT {L.own} FROM {L}
-- relink | moves
UPDATE {C} SET {C.fk} = {=P.key@b} WHERE {C.fk} = {=C.fk} AND {C.fcode} = {=C.fcode}
;;
SELECT {C.own} FROM {C} WHERE {C.fk} = {=P.key@b}
-- merge | moves pg
MERGE INTO {P} p USING (SELECT '{=P.key#}' AS k) s ON p.{P.key}::text = s.k::text WHEN MATCHED THEN UPDATE SET {P.fint} = 88
;;
SELECT {P.text} FROM {P} WHERE {P.fint} = 88
-- failed-update |
UPDATE {P} SET {P.key} = NULL WHERE {P.key} = {=P.key}
;;
SELECT {P.text} FROM {P} WHERE {P.key} = {=P.key}
-- failed-insert-quotes |
INSERT INTO {P} SELECT * FROM {P} q WHERE q.{P.key} = {=P.key}
;;
SELECT {P.text} FROM {P} WHERE {P.key} = {=P.key}
-- copy-load-then-read | pg simple
CREATE TABLE {id} (k text, t text)
;;
@copy=1\tone\n2\ttwo\n
COPY {id} FROM STDIN
;;
SELECT * FROM {id}
-- generated-default | pg simple
INSERT INTO department (id, title) VALUES (55, DEFAULT) RETURNING *
;;
DELETE FROM department WHERE id = 55
-- update-nothing |
UPDATE {P} SET {P.text} = 'x' WHERE 1 = 0
;;
SELECT {P.text} FROM {P} ORDER BY {P.key} LIMIT 1
-- swap |
UPDATE {P} SET {P.fint} = CASE {P.key} WHEN {=P.key} THEN 11 WHEN {=P.key@b} THEN 12 ELSE {P.fint} END
;;
SELECT {P.text} FROM {P} WHERE {P.fint} = 11
-- set-null |
UPDATE {P} SET {P.text} = NULL WHERE {P.key} = {=P.key}
;;
SELECT {P.key}, {P.text} FROM {P} WHERE {P.key} = {=P.key}
-- delete-and-read-before-dump |
DELETE FROM {L} WHERE qty >= {n}
;;
SELECT {L.own} FROM {L}
-- load-data-like-insert | simple
INSERT INTO {C} {insert:C}
;;
UPDATE {C} SET {C.text} = CONCAT({C.text}, '!') WHERE {C.fk} = {=C.fk}
;;
SELECT {C.text} FROM {C} WHERE {C.fk} = {=C.fk}
-- joint-relink | moves
UPDATE {H} SET {H.fk} = {=P.key@b} WHERE {H.fk} = {=H.fk} AND NOT EXISTS (SELECT 1 FROM (SELECT * FROM {H}) q WHERE q.{H.fk} = {=P.key@b})
;;
SELECT {A.own} FROM {A}
-- joint-one-leaves | moves
DELETE FROM {H} WHERE {H.fk} = {=H.fk} AND share > 1
;;
SELECT {A.own}, {A.ftext} FROM {A}
-- joint-clerk-adds | moves
@clerk
INSERT INTO {H} (account_id, held_by, share) SELECT max(account_id), {=P.key}, 1 FROM (SELECT * FROM {H}) q
;;
SELECT {A.own} FROM {A} ORDER BY {A.key} DESC LIMIT 1
-- bulk-load | pg simple moves
@copy={=P.key@b#}\t{n}\n
COPY {H} (held_by, account_id) FROM STDIN
;;
SELECT {A.own} FROM {A}
