-- django-get |
SELECT {P!}.{P.key!}, {P!}.{P.text!}, {P!}.{P.own2!} FROM {P!} WHERE {P!}.{P.key!} = {=P.key} LIMIT 21
-- django-all |
SELECT {P!}.{P.key!}, {P!}.{P.text!} FROM {P!} ORDER BY {P!}.{P.key!} ASC
-- django-filter-icontains | pg
SELECT {P!}.{P.key!}, {P!}.{P.text!} FROM {P!} WHERE UPPER({P!}.{P.text!}::text) LIKE UPPER({%P.text}) ORDER BY {P!}.{P.key!} ASC
-- django-filter-istartswith-mysql | mysql
SELECT {P!}.{P.key!}, {P!}.{P.text!} FROM {P!} WHERE {P!}.{P.text!} LIKE {~P.text} ORDER BY {P!}.{P.key!} ASC
-- django-exact-filter-page | simple
SELECT {P!}.{P.key!}, {P!}.{P.own!} FROM {P!} WHERE {P!}.{P.fenum!} = {=P.fenum} ORDER BY {P!}.{P.key!} DESC LIMIT {n} OFFSET {n2}
-- django-in |
SELECT {P!}.{P.text!}, {P!}.{P.own!} FROM {P!} WHERE {P!}.{P.key!} IN ({=P.key}, {=P.key@b}, {=P.key@c})
-- django-select-related |
SELECT {C!}.{C.text!}, {C!}.{C.fk!}, {P!}.{P.text!} FROM {C!} INNER JOIN {P!} ON ({C!}.{C.fk!} = {P!}.{P.key!}) WHERE {C!}.{C.fcode!} = {=C.fcode}
-- django-select-related-left |
SELECT {P!}.{P.key!}, {P!}.{P.own!}, {C!}.{C.text!} FROM {P!} LEFT OUTER JOIN {C!} ON ({P!}.{P.key!} = {C!}.{C.fk!}) WHERE {C!}.{C.fk!} IS NULL
-- django-prefetch |
SELECT {P!}.{P.key!}, {P!}.{P.text!} FROM {P!} WHERE {P!}.{P.order!} >= {=P.order}
;;
SELECT {C!}.{C.text!}, {C!}.{C.fk!} FROM {C!} WHERE {C!}.{C.fk!} IN ({=P.key}, {=P.key@b})
-- django-count |
SELECT COUNT(*) AS {?"__count"|n} FROM {P!} WHERE {P!}.{P.own!} IS NOT NULL
-- django-exists |
SELECT 1 AS a FROM {P!} WHERE {P!}.{P.text!} = {=P.text} LIMIT 1
-- django-values-distinct |
SELECT DISTINCT {P!}.{P.text!} FROM {P!} ORDER BY {P!}.{P.text!} ASC
-- django-annotate-count |
SELECT {P!}.{P.key!}, {P!}.{P.text!}, COUNT({C!}.{C.text!}) AS cnt FROM {P!} LEFT OUTER JOIN {C!} ON ({P!}.{P.key!} = {C!}.{C.fk!}) GROUP BY {P!}.{P.key!}, {P!}.{P.text!} ORDER BY cnt DESC
-- django-annotate-pk-group | pg
SELECT {P!}.{P.key!}, {P!}.{P.text!}, {P!}.{P.own!}, COUNT({C!}.{C.text!}) AS "cnt" FROM {P!} LEFT OUTER JOIN {C!} ON ({P!}.{P.key!} = {C!}.{C.fk!}) GROUP BY {P!}.{P.key!}
-- django-subquery-latest |
SELECT {P!}.{P.key!}, {P!}.{P.own!}, (SELECT U0.{C.text!} FROM {C!} U0 WHERE U0.{C.fk!} = {P!}.{P.key!} ORDER BY U0.{C.fdate!} DESC, U0.{C.text!} LIMIT 1) AS latest FROM {P!}
-- django-exists-subquery |
SELECT {P!}.{P.text!} FROM {P!} WHERE EXISTS(SELECT 1 AS a FROM {C!} U0 WHERE (U0.{C.fk!} = {P!}.{P.key!} AND U0.{C.fcode!} = {=C.fcode}) LIMIT 1)
-- django-not-in-subquery |
SELECT {P!}.{P.text!} FROM {P!} WHERE NOT ({P!}.{P.key!} IN (SELECT U0.{C.fk!} FROM {C!} U0 WHERE U0.{C.fk!} IS NOT NULL AND U0.{C.fnum!} > {n}))
-- django-q-or |
SELECT {P!}.{P.key!}, {P!}.{P.text!} FROM {P!} WHERE ({P!}.{P.filter!} = {=P.filter} OR {P!}.{P.key!} = {=P.key@b}) AND NOT ({P!}.{P.fenum!} = {=P.fenum@c} AND {P!}.{P.fenum!} IS NOT NULL)
-- django-between |
SELECT {P!}.{P.text!} FROM {P!} WHERE {P!}.{P.order!} BETWEEN {=P.order} AND {=P.order@b}
-- django-case-when |
SELECT {P!}.{P.key!}, CASE WHEN {P!}.{P.fenum!} = {=P.fenum} THEN {P!}.{P.text!} WHEN {P!}.{P.fint!} > 30 THEN {P!}.{P.text2!} ELSE NULL END AS shown FROM {P!}
-- django-coalesce |
SELECT {P!}.{P.key!}, COALESCE({P!}.{P.text!}, {P!}.{P.text2!}) AS shown FROM {P!}
-- django-concat | pg
SELECT {P!}.{P.key!}, CONCAT({P!}.{P.text!}::text, CONCAT(' '::text, ({P!}.{P.text2!})::text)) AS "full" FROM {P!}
-- django-concat-mysql | mysql
SELECT {P!}.{P.key!}, CONCAT_WS('', {P!}.{P.text!}, ' ', {P!}.{P.text2!}) AS `full` FROM {P!}
-- django-window |
SELECT {P!}.{P.text!}, ROW_NUMBER() OVER (PARTITION BY {P!}.{P.fenum!} ORDER BY {P!}.{P.order!}) AS rn FROM {P!}
-- django-date-trunc | pg derived
SELECT DATE_TRUNC('day', {P!}.{P.fts!}) AS "day", COUNT({P!}.{P.key!}) AS "n" FROM {P!} GROUP BY 1 ORDER BY 1
-- django-save | write
UPDATE {P!} SET {P.text!} = {new:P.text}, {P.fint!} = {n} WHERE {P!}.{P.key!} = {=P.key}
;;
SELECT {P!}.{P.text!} FROM {P!} WHERE {P!}.{P.key!} = {=P.key}
-- django-f-expression | write
UPDATE {C!} SET {C.fnum!} = ({C!}.{C.fnum!} + 1) WHERE {C!}.{C.fcode!} = {=C.fcode}
;;
SELECT {C!}.{C.text!} FROM {C!} WHERE {C!}.{C.fnum!} > 2
-- django-delete | write
DELETE FROM {C!} WHERE {C!}.{C.fk!} IN ({=P.key})
;;
SELECT {C!}.{C.text!} FROM {C!}
-- django-create-returning | pg write
INSERT INTO {C!} {insert:C} RETURNING {C!}.{C.fk!}
-- django-atomic | write
BEGIN
;;
SELECT {P!}.{P.key!}, {P!}.{P.text!} FROM {P!} WHERE {P!}.{P.key!} = {=P.key} LIMIT 21 FOR UPDATE
;;
SAVEPOINT s1_x1
;;
UPDATE {P!} SET {P.text!} = {new:P.text} WHERE {P!}.{P.key!} = {=P.key}
;;
SELECT {P!}.{P.text!} FROM {P!} WHERE {P!}.{P.key!} = {=P.key}
;;
{?ROLLBACK TO SAVEPOINT s1_x1|RELEASE SAVEPOINT s1_x1}
;;
{?COMMIT|ROLLBACK}
;;
SELECT {P!}.{P.text!} FROM {P!} WHERE {P!}.{P.key!} = {=P.key}
-- sqlalchemy-select |
SELECT {P}.{P.key}, {P}.{P.text} 
FROM {P} 
WHERE {P}.{P.filter} = {=P.filter} ORDER BY {P}.{P.text}
-- sqlalchemy-labels |
SELECT {P}.{P.key} AS {?person|t}_key, {P}.{P.own} AS anon_own, {P}.{P.own2} AS anon_own2 
FROM {P} 
WHERE {P}.{P.key} = {=P.key}
-- sqlalchemy-joined |
SELECT a.{P.key} AS a_id, a.{P.text} AS a_text, b_1.{C.text} AS b_1_text, b_1.{C.fk} AS b_1_fk 
FROM {P} AS a LEFT OUTER JOIN {C} AS b_1 ON a.{P.key} = b_1.{C.fk} 
WHERE a.{P.fint} > {=P.fint}
-- sqlalchemy-limit-subquery |
SELECT anon_1.k, anon_1.t, b_1.{C.text} FROM (SELECT {P.key} AS k, {P.text} AS t FROM {P} ORDER BY {P.key} LIMIT {n}) AS anon_1 LEFT OUTER JOIN {C} AS b_1 ON anon_1.k = b_1.{C.fk}
-- sqlalchemy-selectin |
SELECT {C}.{C.fk} AS c_fk, {C}.{C.text} AS c_text FROM {C} WHERE {C}.{C.fk} IN ({=P.key}, {=P.key@b}, {=P.key@c})
-- sqlalchemy-cte |
WITH anon_2 AS (SELECT {P.key} AS k, {P.text} AS t FROM {P} WHERE {P.fenum} = {=P.fenum}) SELECT anon_2.t FROM anon_2 WHERE anon_2.k IN (SELECT {C.fk} FROM {C})
-- sqlalchemy-recursive | rare
WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < {n}) SELECT p.{P.text}, r.n FROM {P} p JOIN r ON r.n = {n} ORDER BY p.{P.key} LIMIT 3
-- sqlalchemy-union |
SELECT {P}.{P.text} FROM {P} WHERE {P}.{P.key} = {=P.key} UNION SELECT {P}.{P.text} FROM {P} WHERE {P}.{P.fint} < 20
-- sqlalchemy-alias |
SELECT a_1.{P.text}, a_2.{P.text} AS other FROM {P} AS a_1, {P} AS a_2 WHERE a_1.{P.fenum} = a_2.{P.fenum} AND a_1.{P.key} < a_2.{P.key}
-- sqlalchemy-scalar |
SELECT count({P}.{P.key}) AS count_1 FROM {P} WHERE {P}.{P.text} LIKE {~P.text}
-- sqlalchemy-group-having |
SELECT {P}.{P.fenum}, count(*) AS n, max({P}.{P.text}) AS m FROM {P} GROUP BY {P}.{P.fenum} HAVING count(*) > 1
-- sqlalchemy-update-returning | pg write
UPDATE {P} SET {P.text}={new:P.text} WHERE {P}.{P.key} = {=P.key} RETURNING {P}.{P.key}, {P}.{P.text}, {P}.{P.own2}
-- sqlalchemy-delete-returning | pg write
DELETE FROM {C} WHERE {C}.{C.fk} = {=C.fk} RETURNING {C}.{C.text}
-- sqlalchemy-insertmany | pg write
INSERT INTO {C} {insert:C} RETURNING {C.text}, {C.fk}
-- knex-first |
select * from {P!} where {P.key!} = {=P.key} limit 1
-- knex-where-raw |
select {P.text!}, {P.own2!} from {P!} where {P.fint!} > {=P.fint} and {P.fenum!} = {=P.fenum} order by {P.order!} desc
-- knex-pluck |
select {P.text!} from {P!} where {P.key!} in ({=P.key}, {=P.key@b})
-- knex-join |
select {P!}.{P.text!}, {C!}.* from {P!} inner join {C!} on {P!}.{P.key!} = {C!}.{C.fk!}
-- knex-where-not |
select {P.key!}, {P.own!} from {P!} where not {P.fenum!} = {=P.fenum} or {P.fint!} is null
-- knex-count-distinct |
select count(distinct {P.text!}) from {P!}
-- knex-ilike | pg
select {P.text!} from {P!} where {P.text!} ilike {%P.text}
-- knex-json-path | pg
select {P.key!}, {P.fjson!}->>'lang' as lang, {P.text!} from {P!} where {P.fjson!}->>'lang' = 'de'
-- knex-union-all |
select {P.text!} from {P!} where {P.fint!} > 40 union all select {C.text!} from {C!} where {C.fnum!} < 5
-- knex-transaction | write
BEGIN;
;;
select {P.text!} from {P!} where {P.key!} = {=P.key} for update
;;
update {P!} set {P.fenum!} = {=P.fenum@b} where {P.key!} = {=P.key}
;;
select {P.text!} from {P!} where {P.fenum!} = {=P.fenum@b}
;;
{?COMMIT;|ROLLBACK}
;;
select {P.text!} from {P!} where {P.fenum!} = {=P.fenum@b}
-- knex-insert-onconflict-merge | pg write
insert into {P!} {insert:P} on conflict ({P.key!}) do update set {P.text!} = excluded.{P.text!} returning {P.text!}
-- prisma-find-unique |
SELECT {P!}.{P.key!}, {P!}.{P.text!}, {P!}.{P.own2!} FROM {P!} WHERE ({P!}.{P.key!} = {=P.key} AND 1=1) LIMIT 1 OFFSET 0
-- prisma-find-many |
SELECT {P!}.{P.key!}, {P!}.{P.own!} FROM {P!} WHERE 1=1 ORDER BY {P!}.{P.key!} ASC LIMIT {n} OFFSET 0
-- prisma-relation-in |
SELECT {C!}.{C.text!}, {C!}.{C.fk!} FROM {C!} WHERE {C!}.{C.fk!} IN ({=P.key},{=P.key@b}) LIMIT 100 OFFSET 0
-- prisma-some-filter |
SELECT {P!}.{P.text!} FROM {P!} WHERE ({P!}.{P.key!}) IN (SELECT t1.{C.fk!} FROM {C!} AS t1 WHERE (t1.{C.fnum!} > {n} AND t1.{C.fk!} IS NOT NULL)) LIMIT 10 OFFSET 0
-- prisma-join-lateral | pg
SELECT "t1".{P.key!}, "t1".{P.text!}, "c1"."__prisma_data__" AS "things" FROM {P!} AS "t1" LEFT JOIN LATERAL (SELECT COALESCE(JSONB_AGG("__prisma_data__"), '[]') AS "__prisma_data__" FROM (SELECT "t4"."__prisma_data__" FROM (SELECT JSONB_BUILD_OBJECT('text', "t3".{C.text!}, 'fk', "t3".{C.fk!}) AS "__prisma_data__" FROM (SELECT "t2".* FROM {C!} AS "t2" WHERE "t1".{P.key!} = "t2".{C.fk!}) AS "t3") AS "t4") AS "t5") AS "c1" ON TRUE WHERE "t1".{P.key!} = {=P.key}
-- prisma-lateral-one | pg
SELECT "t0".{P.text!}, "x".{C.text!} FROM {P!} AS "t0" LEFT JOIN LATERAL (SELECT "c".{C.text!} FROM {C!} AS "c" WHERE "c".{C.fk!} = "t0".{P.key!} ORDER BY "c".{C.fdate!} DESC, "c".{C.text!} LIMIT 1) AS "x" ON TRUE
-- prisma-cursor |
SELECT {P!}.{P.key!}, {P!}.{P.text!} FROM {P!}, (SELECT {P!}.{P.key!} AS key_0 FROM {P!} WHERE ({P!}.{P.key!}) = ({=P.key})) AS order_cmp WHERE {P!}.{P.key!} >= order_cmp.key_0 ORDER BY {P!}.{P.key!} ASC LIMIT {n}
-- prisma-aggregate |
SELECT COUNT(*), MIN(sub.k) FROM (SELECT {P!}.{P.key!} AS k FROM {P!} WHERE 1=1 LIMIT 100 OFFSET 0) AS sub
-- postgrest-list | pg
WITH pgrst_source AS ( SELECT {P}.* FROM {P} LIMIT {n} OFFSET 0 ) SELECT null::bigint AS total_result_set, pg_catalog.count(_postgrest_t) AS page_total, coalesce(json_agg(_postgrest_t), '[]') AS body, nullif(current_setting('response.headers', true), '') AS response_headers, nullif(current_setting('response.status', true), '') AS response_status FROM ( SELECT * FROM pgrst_source ) _postgrest_t
-- postgrest-filter | pg
WITH pgrst_source AS ( SELECT {P}.{P.key}, {P}.{P.text} FROM {P} WHERE {P}.{P.key} = {=P.key} ) SELECT null::bigint AS total_result_set, pg_catalog.count(_postgrest_t) AS page_total, coalesce(json_agg(_postgrest_t), '[]') AS body FROM ( SELECT * FROM pgrst_source ) _postgrest_t
-- postgrest-embed | pg
WITH pgrst_source AS ( SELECT p.{P.text}, COALESCE("p_c_1"."p_c_1", '[]') AS "things" FROM {P} p LEFT JOIN LATERAL ( SELECT json_agg("p_c_1") AS "p_c_1" FROM ( SELECT c.{C.text}, c.{C.fdate} FROM {C} c WHERE c.{C.fk} = p.{P.key} ) AS "p_c_1" ) AS "p_c_1" ON TRUE WHERE p.{P.fint} > {=P.fint} ) SELECT pg_catalog.count(_postgrest_t) AS page_total, coalesce(json_agg(_postgrest_t), '[]') AS body FROM ( SELECT * FROM pgrst_source ) _postgrest_t
-- postgrest-role | pg
BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY
;;
select set_config('search_path', current_setting('search_path'), true), set_config('role', 'app', true), set_config('request.jwt.claims', '{{"role":"app"}}', true), set_config('request.method', 'GET', true)
;;
WITH pgrst_source AS ( SELECT {P}.{P.text}, {P}.{P.own2} FROM {P} WHERE {P}.{P.fenum} = {=P.fenum} ORDER BY {P}.{P.key} ) SELECT pg_catalog.count(_postgrest_t) AS page_total, coalesce(json_agg(_postgrest_t), '[]') AS body FROM ( SELECT * FROM pgrst_source ) _postgrest_t
;;
COMMIT
-- hasura-list | pg
SELECT coalesce(json_agg("root"), '[]' ) AS "root" FROM ( SELECT row_to_json( ( SELECT "_e" FROM ( SELECT "_root.base".{P.key!} AS "id", "_root.base".{P.text!} AS "t" ) AS "_e" ) ) AS "root" FROM ( SELECT * FROM {P} WHERE ('true') ) AS "_root.base" ) AS "_root"
-- hasura-relation | pg
SELECT coalesce(json_agg("root" ORDER BY "root.pg.k" ASC NULLS LAST), '[]' ) AS "root" FROM ( SELECT row_to_json( ( SELECT "_e" FROM ( SELECT "_root.base".{P.text!} AS "t", "_root.ar.things"."things" AS "things" ) AS "_e" ) ) AS "root", "_root.base".{P.key!} AS "root.pg.k" FROM ( SELECT * FROM {P} WHERE (({P!}.{P.fint!}) > ({=P.fint})) ORDER BY {P.key!} ASC NULLS LAST LIMIT {n} ) AS "_root.base" LEFT OUTER JOIN LATERAL ( SELECT coalesce(json_agg("things"), '[]' ) AS "things" FROM ( SELECT row_to_json( ( SELECT "_e" FROM ( SELECT "c".{C.text!} AS "d" ) AS "_e" ) ) AS "things" FROM ( SELECT * FROM {C} WHERE (("_root.base".{P.key!}) = ({C.fk!})) ) AS "c" ) AS "_t" ) AS "_root.ar.things" ON ('true') ) AS "_root"
-- hasura-by-pk | pg
SELECT coalesce((json_agg("root") -> 0), 'null' ) AS "root" FROM ( SELECT row_to_json( ( SELECT "_e" FROM ( SELECT "_root.base".{P.text!} AS "t", "_root.base".{P.own2!} AS "o" ) AS "_e" ) ) AS "root" FROM ( SELECT * FROM {P} WHERE (({P.key!}) = ({=P.key})) ) AS "_root.base" ) AS "_root"
-- hasura-aggregate | pg
SELECT json_build_object('aggregate', json_build_object('count', COUNT(*))) AS "root" FROM ( SELECT * FROM {P} WHERE ('true') ) AS "_root.base"
-- typeorm-find |
SELECT {P!}.{P.key!} AS t_key, {P!}.{P.text!} AS t_text FROM {P!} {P!} WHERE ( ({P!}.{P.key!} = {=P.key}) ) LIMIT 1
-- typeorm-distinct |
SELECT DISTINCT d.k AS ids, d.t FROM (SELECT e.{P.key!} AS k, e.{P.text!} AS t, c.{C.text!} AS x FROM {P!} e LEFT JOIN {C!} c ON c.{C.fk!}=e.{P.key!}) d ORDER BY k ASC LIMIT {n}
-- activerecord-find |
SELECT {P!}.* FROM {P!} WHERE {P!}.{P.key!} = {=P.key} LIMIT {?1|2}
-- activerecord-order-first |
SELECT {P!}.* FROM {P!} ORDER BY {P!}.{P.key!} ASC LIMIT 1
-- activerecord-pluck |
SELECT {P!}.{P.text!}, {P!}.{P.own2!} FROM {P!} WHERE {P!}.{P.fdate!} >= {=P.fdate}
-- activerecord-includes |
SELECT {C!}.* FROM {C!} WHERE {C!}.{C.fk!} IN ({=P.key}, {=P.key@b})
-- activerecord-batch |
SELECT {P!}.* FROM {P!} WHERE {P!}.{P.key!} > {=P.key} ORDER BY {P!}.{P.key!} ASC LIMIT {n}
-- hibernate-entity |
select p1_0.{P.key},p1_0.{P.text},p1_0.{P.own2} from {P} p1_0 where p1_0.{P.key}={=P.key}
-- hibernate-fetch-join |
select p1_0.{P.key},p1_0.{P.text},t1_0.{C.fk},t1_0.{C.text} from {P} p1_0 left join {C} t1_0 on p1_0.{P.key}=t1_0.{C.fk} where p1_0.{P.fenum}={=P.fenum}
-- hibernate-fetch-first |
select p1_0.{P.text} from {P} p1_0 order by p1_0.{P.key} offset {n} rows fetch first {n2} rows only
-- eloquent-where-has |
select * from {P!} where exists (select * from {C!} where {P!}.{P.key!} = {C!}.{C.fk!} and {C.fcode!} = {=C.fcode}) order by {P.key!} asc limit {n} offset 0
-- eloquent-chunk |
select * from {P!} order by {P!}.{P.key!} asc limit 3 offset {n}
-- ecto-select |
SELECT p0.{P.key!}, p0.{P.text!} FROM {P!} AS p0 WHERE (p0.{P.fint!} = {=P.fint})
-- ef-core-tolist |
SELECT p.{P.key!}, p.{P.text!}, t.{C.text!} FROM {P!} AS p INNER JOIN (SELECT c.{C.text!}, c.{C.fk!}, c.{C.fdate!} FROM {C!} AS c WHERE c.{C.fnum!} >= {n}) AS t ON p.{P.key!} = t.{C.fk!} ORDER BY p.{P.key!}
-- gorm-soft |
SELECT * FROM {P!} WHERE {P.fenum!} = {=P.fenum} AND {P!}.{P.fint!} IS NOT NULL ORDER BY {P!}.{P.key!} LIMIT 1
