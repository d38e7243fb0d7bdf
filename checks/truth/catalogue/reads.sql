-- all |
SELECT * FROM {P}
-- list |
SELECT {P.list} FROM {P}
-- list-aliased |
SELECT {P.list:x} FROM {P} x
-- by-key |
SELECT {P.list} FROM {P} WHERE {P.key} = {=P.key}
-- by-own-value |
SELECT {P.list} FROM {P} WHERE {P.text} = {=P.text}
-- things |
SELECT {C.all} FROM {C} WHERE {C.fk} = {=C.fk}
-- lines |
SELECT l.{L.own}, l.{L.fint} FROM {L} l JOIN {C} c ON c.id = l.thing_id WHERE c.{C.fk} = {=C.fk}
-- lines-alone |
SELECT {L.own} FROM {L} WHERE qty > {n}
-- three-tables |
SELECT p.{P.own}, c.{C.own}, l.{L.own} FROM {P} p JOIN {C} c ON c.{C.fk} = p.{P.key} JOIN {L} l ON l.thing_id = c.id
-- using-lookup |
SELECT p.{P.own}, d.title FROM {P} p JOIN department d ON d.id = p.dept ORDER BY d.title
-- order-limit |
SELECT {P.list} FROM {P} ORDER BY {P.order} {?ASC|DESC}, {P.key} LIMIT {n}
-- order-limit-ties |
SELECT {P.list} FROM {P} ORDER BY {P.order} LIMIT {n}
-- order-text-limit |
SELECT {P.list} FROM {P} ORDER BY {P.onlytext}, {P.key} LIMIT {n} OFFSET {n2}
-- order-own-limit |
SELECT {P.text} FROM {P} ORDER BY {P.text} LIMIT {n}
-- order-alias |
SELECT {P.text} AS {P.key}, {P.own2} FROM {P} ORDER BY {P.order} DESC, 1 LIMIT {n}
-- order-alias-shadows |
SELECT p.{P.key}, p.{P.text} AS {P.fint} FROM {P} p ORDER BY p.{P.fint}, p.{P.key} LIMIT {n}
-- order-nulls | pg
SELECT {P.text} FROM {P} ORDER BY {P.order} NULLS FIRST, {P.key} LIMIT {n}
-- limit-no-order |
SELECT {P.text} FROM {P} LIMIT {n}
-- limit-many |
SELECT {P.text} FROM {P} LIMIT 1000
-- fetch-ties | pg
SELECT {P.text} FROM {P} ORDER BY {P.order} FETCH FIRST {n} ROWS WITH TIES
-- filter |
SELECT {P.list} FROM {P} WHERE {P.filter} = {=P.filter}
-- filter-less |
SELECT {P.text} FROM {P} WHERE {P.order} < {=P.order}
-- filter-greater-equal |
SELECT {P.text} FROM {P} WHERE {P.order} >= {=P.order} ORDER BY {P.key}
-- filter-two |
SELECT {P.list} FROM {P} WHERE {P.filter} = {=P.filter} AND {P.filter2} <> {=P.filter2}
-- filter-not-equal |
SELECT {P.text} FROM {P} WHERE {P.onlytext} <> {=P.onlytext}
-- filter-distinct-from | pg
SELECT {P.text} FROM {P} WHERE {P.filter} IS {?NOT |}DISTINCT FROM {=P.filter}
-- filter-like |
SELECT {P.text} FROM {P} WHERE {P.ftext} LIKE {%P.ftext}
-- filter-like-own |
SELECT {P.text}, {P.own2} FROM {P} WHERE {P.text} LIKE {%P.text}
-- filter-lower |
SELECT {P.text} FROM {P} WHERE LOWER({P.ftext}) = LOWER({=P.ftext})
-- filter-trim |
SELECT {P.text} FROM {P} WHERE TRIM({P.ftext}) = TRIM({=P.ftext})
-- filter-between |
SELECT {P.text} FROM {P} WHERE {P.order} BETWEEN {=P.order} AND {=P.order@b}
-- filter-between-symmetric | pg
SELECT {P.text} FROM {P} WHERE {P.fint} BETWEEN SYMMETRIC {=P.fint} AND {=P.fint@b}
-- filter-null |
SELECT {P.text} FROM {P} WHERE {P.filter} IS NULL
-- filter-empty |
SELECT {P.text} FROM {P} WHERE {P.ftext} = ''
-- filter-in |
SELECT {P.text} FROM {P} WHERE {P.filter} IN ({=P.filter}, {=P.filter@b})
-- filter-not-in |
SELECT {P.text} FROM {P} WHERE {P.fint} NOT IN ({=P.fint}, {=P.fint@b})
-- filter-enum-order |
SELECT {P.text} FROM {P} WHERE {P.fenum} > {=P.fenum}
-- filter-date-cast | pg
SELECT {P.text} FROM {P} WHERE {P.ftstz}::date = '2026-03-22'
-- filter-ts-day | pg
SELECT {P.text} FROM {P} WHERE {P.fts} >= '2026-03-22' AND {P.fts} < '2026-03-23'
-- filter-extract | derived
SELECT {P.text} FROM {P} WHERE EXTRACT(DAY FROM {P.fdate}) = 22
-- filter-bool | pg
SELECT {P.text} FROM {P} WHERE {P.fbool}
-- filter-not-bool | pg
SELECT {P.text} FROM {P} WHERE NOT {P.fbool} OR {P.fbool} IS UNKNOWN
-- filter-length |
SELECT {P.text} FROM {P} WHERE LENGTH({P.ftext}) > 4
-- filter-arithmetic |
SELECT {P.text} FROM {P} WHERE {P.fint} * 2 + 1 > {=P.fint@b}
-- filter-mod |
SELECT {P.text} FROM {P} WHERE {P.fint} % 2 = 1
-- filter-numeric-cast | pg
SELECT {P.text} FROM {P} WHERE {P.fnum}::int = 2
-- filter-money | pg
SELECT {P.text} FROM {P} WHERE {P.fmoney} >= {=P.fmoney}
-- filter-inet | pg
SELECT {P.text} FROM {P} WHERE {P.finet} {?<|<<|=|>>=} {=P.finet}
-- filter-interval | pg
SELECT {P.text} FROM {P} WHERE {P.finterval} {?=|<|>} {=P.finterval}
-- filter-range | pg
SELECT {P.text} FROM {P} WHERE {P.frange} {?&&|@>|<<|=} {=P.frange}
-- filter-range-element | pg
SELECT {P.text} FROM {P} WHERE {P.frange} @> {n}
-- filter-char | 
SELECT {P.text} FROM {P} WHERE {P.fchar} = 'A '
-- filter-array-contains | pg
SELECT {P.text} FROM {P} WHERE {P.farr} @> {=P.farr}
-- filter-array-overlap | pg
SELECT {P.text} FROM {P} WHERE {P.farr} && ARRAY['red','vip']
-- filter-any-array | pg
SELECT {P.text} FROM {P} WHERE 'vip' = ANY({P.farr})
-- filter-any-param | pg
SELECT {P.text} FROM {P} WHERE {P.key} = ANY(ARRAY[{=P.key}, {=P.key@b}]{?|})
-- filter-json-contains | pg
SELECT {P.text} FROM {P} WHERE {P.fjson} @> '{{"news": true}}'
-- filter-json-number | pg
SELECT {P.text} FROM {P} WHERE ({P.fjson}->>'n')::int > {n}
-- filter-json-exists | pg
SELECT {P.text} FROM {P} WHERE {P.fjson} ? 'lang' AND {P.fjson}#>>'{{list,0}}' = '1'
-- filter-jsonpath | pg
SELECT {P.text} FROM {P} WHERE {P.fjson} @@ '$.n > {n}'
-- filter-regex | pg
SELECT {P.text} FROM {P} WHERE {P.ftext} {?~|~*|!~} '^{?o|K|s}'
-- filter-similar | pg
SELECT {P.text} FROM {P} WHERE {P.fcode} SIMILAR TO '(a|b|C)%'
-- filter-ilike-any | pg
SELECT {P.text} FROM {P} WHERE {P.ftext} ILIKE ANY (ARRAY['os%', '%rich'])
-- filter-collate | pg
SELECT {P.text} FROM {P} WHERE {P.fcode} COLLATE "C" < 'b'
-- filter-like-escape |
SELECT {P.text} FROM {P} WHERE {P.text} LIKE {%P.text} ESCAPE '!'
-- filter-tuple |
SELECT {P.text} FROM {P} WHERE ({P.key}, {P.fint}) IN (({=P.key}, {=P.fint}), ({=P.key@b}, {=P.fint@b}))
-- filter-row-compare | pg
SELECT {P.text} FROM {P} WHERE ({P.fint}, {P.key}) > ({=P.fint}, {=P.key}) ORDER BY {P.fint}, {P.key} LIMIT {n}
-- filter-fts | pg
SELECT {P.own} FROM {P} WHERE to_tsvector('simple', {P.text}) @@ plainto_tsquery('simple', {=P.text})
-- exists |
SELECT p.{P.text} FROM {P} p WHERE EXISTS (SELECT 1 FROM {C} c WHERE c.{C.fk} = p.{P.key} AND c.{C.fnum} > {n})
-- not-exists |
SELECT p.{P.text} FROM {P} p WHERE NOT EXISTS (SELECT 1 FROM {C} c WHERE c.{C.fk} = p.{P.key})
-- in-subquery |
SELECT {P.text} FROM {P} WHERE {P.key} IN (SELECT {C.fk} FROM {C} WHERE {C.fcode} = {=C.fcode})
-- scalar-subquery |
SELECT p.{P.key}, (SELECT max(c.{C.fdate}) FROM {C} c WHERE c.{C.fk} = p.{P.key}) AS last FROM {P} p
-- scalar-subquery-own |
SELECT (SELECT {P.text} FROM {P} WHERE {P.key} = {=P.key}) AS x, (SELECT count(*) FROM {C}) AS n
-- subquery-from |
SELECT s.a FROM (SELECT {P.text} AS a, {P.fint} AS b FROM {P} WHERE {P.fenum} = {=P.fenum}) s WHERE s.b > 20
-- subquery-limit-inside |
SELECT {P.text} FROM {P} WHERE {P.key} IN (SELECT * FROM (SELECT {P.key} FROM {P} ORDER BY {P.order}, {P.key} LIMIT {n}) q)
-- max-row |
SELECT {P.text}, {P.fint} FROM {P} WHERE {P.fint} = (SELECT max({P.fint}) FROM {P})
-- group-count |
SELECT {P.fenum}, count(*) FROM {P} GROUP BY {P.fenum}
-- group-own |
SELECT {P.text}, count(*) FROM {P} GROUP BY {P.text} HAVING count(*) >= 1
-- group-min | 
SELECT {P.fenum}, min({P.text}), max({P.own2}) FROM {P} GROUP BY {P.fenum}
-- string-agg | pg
SELECT {P.fenum}, string_agg({P.text}, ', ' ORDER BY {P.key}) FROM {P} GROUP BY {P.fenum}
-- string-agg-piece | pg
SELECT substr(string_agg({P.text}, ',' ORDER BY {P.key}), 1, 40) FROM {P}
-- group-concat | mysql
SELECT {P.fenum}, GROUP_CONCAT({P.text} ORDER BY {P.key} SEPARATOR '; ') FROM {P} GROUP BY {P.fenum}
-- group-concat-piece | mysql
SELECT SUBSTRING(GROUP_CONCAT({P.text} ORDER BY {P.key}), 1, 40) FROM {P}
-- array-agg | pg
SELECT array_agg({P.text} ORDER BY {P.key}) FROM {P} WHERE {P.fint} > 20
-- json-agg-row | pg
SELECT json_agg(t) FROM (SELECT {P.key}, {P.text} FROM {P} WHERE {P.fint} > 25) t
-- json-object-agg | pg
SELECT json_object_agg({P.key}, {P.text}) FROM {P}
-- row-to-json | pg
SELECT row_to_json(p) FROM {P} p WHERE p.{P.key} = {=P.key}
-- to-jsonb-key | pg
SELECT to_jsonb(p)->>'{P.key}' AS k, to_jsonb(p) - '{P.fenum}' FROM {P} p ORDER BY p.{P.key} LIMIT {n}
-- whole-row | pg
SELECT p FROM {P} p WHERE {P.fenum} = {=P.fenum}
-- whole-row-cast | pg
SELECT p::text FROM {P} p WHERE p.{P.key} = {=P.key}
-- row-constructor | pg
SELECT ROW(p.{P.key}, p.{P.text}) FROM {P} p
-- agg-filter | pg
SELECT count(*) FILTER (WHERE {P.fint} > 20), string_agg({P.text}, '|') FILTER (WHERE {P.fenum} = {=P.fenum}) FROM {P}
-- distinct |
SELECT DISTINCT {P.fenum}, {P.text} FROM {P}
-- distinct-on | pg
SELECT DISTINCT ON ({P.fenum}) {P.fenum}, {P.text} FROM {P} ORDER BY {P.fenum}, {P.key}
-- distinct-on-ties | pg
SELECT DISTINCT ON ({P.fenum}) {P.text} FROM {P} ORDER BY {P.fenum}, {P.fint}
-- union |
SELECT {P.text} FROM {P} WHERE {P.fint} > 30 UNION SELECT {C.text} FROM {C} WHERE {C.fnum} > 2
-- intersect |
SELECT {P.text} FROM {P} WHERE {P.fint} > 20 INTERSECT SELECT {P.text} FROM {P} WHERE {P.fenum} = {=P.fenum}
-- except |
SELECT {P.text} FROM {P} EXCEPT SELECT {P.text} FROM {P} WHERE {P.fint} > 20
-- window-first |
SELECT {P.key}, FIRST_VALUE({P.text}) OVER (PARTITION BY {P.fenum} ORDER BY {P.key}) AS f FROM {P}
-- window-lag |
SELECT {P.key}, LAG({P.text}) OVER (ORDER BY {P.key}) AS before_it FROM {P}
-- window-top |
SELECT t.a FROM (SELECT {P.text} AS a, ROW_NUMBER() OVER (PARTITION BY {P.fenum} ORDER BY {P.fint}, {P.key}) AS rn FROM {P}) t WHERE t.rn = 1
-- window-rank-ties |
SELECT t.a FROM (SELECT {P.text} AS a, RANK() OVER (ORDER BY {P.fint}) AS rn FROM {P}) t WHERE t.rn <= 2
-- window-row-number-ties |
SELECT t.a FROM (SELECT {P.text} AS a, ROW_NUMBER() OVER (ORDER BY {P.fint}) AS rn FROM {P}) t WHERE t.rn <= {n}
-- cross-join-few |
SELECT a.{P.text}, d.title FROM {P} a CROSS JOIN department d WHERE d.id = 1
-- natural-self |
SELECT a.{P.own}, b.{P.own} AS other FROM {P} a JOIN {P} b ON a.{P.fint} = b.{P.fint} AND a.{P.key} <> b.{P.key}
-- left-join-null |
SELECT p.{P.text}, c.{C.text} FROM {P} p LEFT JOIN {C} c ON c.{C.fk} = p.{P.key} AND c.{C.fcode} = {=C.fcode}
-- right-join |
SELECT p.{P.text}, c.{C.text} FROM {C} c RIGHT JOIN {P} p ON c.{C.fk} = p.{P.key}
-- full-join | pg
SELECT p.{P.text}, c.{C.text} FROM {C} c FULL JOIN {P} p ON c.{C.fk} = p.{P.key} AND c.{C.fnum} > {n}
-- lateral | pg
SELECT p.{P.text}, x.{C.text} FROM {P} p, LATERAL (SELECT c.{C.text} FROM {C} c WHERE c.{C.fk} = p.{P.key} ORDER BY c.{C.text} LIMIT 1) x
-- values-join | pg
SELECT v.n, p.{P.text} FROM (VALUES (1, {=P.key}), (2, {=P.key@b})) AS v(n, k) JOIN {P} p ON p.{P.key}::text = v.k
-- unnest | pg
SELECT p.{P.text}, t.tag FROM {P} p, unnest(p.{P.farr}) AS t(tag)
-- unnest-own | pg
SELECT {P.key}, unnest({P.arr}) FROM {P}
-- unnest-select-limit | pg
SELECT {P.text}, unnest({P.farr}) FROM {P} ORDER BY {P.key} LIMIT {n}
-- generate-series-select | pg
SELECT {P.text}, generate_series(1, 2) FROM {P} ORDER BY {P.key} LIMIT 3
-- json-own-path | pg
SELECT {P.json}->>'passport', {P.json}#>>'{{kin,tel}}' FROM {P}
-- json-each | pg
SELECT p.{P.key}, e.key, e.value FROM {P} p, json_each_text(p.{P.json}::json) e
-- cte-two |
WITH a AS (SELECT {P.key} AS k, {P.text} AS t FROM {P}), b AS (SELECT {C.fk} AS f, count(*) AS n FROM {C} GROUP BY {C.fk}) SELECT a.t, b.n FROM a JOIN b ON a.k = b.f
-- cte-materialized | pg
WITH a AS MATERIALIZED (SELECT * FROM {P}) SELECT a.{P.text} FROM a WHERE a.{P.fenum} = {=P.fenum}
-- view |
SELECT * FROM {V}
-- view-filter |
SELECT {V.any} FROM {V} WHERE {V.any2} IS NOT NULL
-- view-order |
SELECT v.* FROM {V} v ORDER BY 1 LIMIT {n}
-- table-command | pg simple
TABLE {P}
-- only | pg
SELECT {P.text} FROM ONLY {P}
-- partition | pg
SELECT {P.text} FROM {P.part}
-- partition-star | pg
SELECT * FROM {P.part} WHERE {P.fint} > 20
-- system-columns | pg
SELECT ctid, {P.text} FROM {P} ORDER BY ctid LIMIT {n}
-- tableoid | pg
SELECT tableoid::regclass, {P.text} FROM {P}
-- tablesample | pg rare
SELECT {P.text} FROM {P} TABLESAMPLE SYSTEM (100)
-- case-branches |
SELECT {P.key}, CASE WHEN {P.fint} > 30 THEN {P.text} ELSE {P.text2} END FROM {P}
-- case-hidden |
SELECT {P.key}, CASE WHEN {P.text} IS NULL THEN 'none' ELSE 'some' END FROM {P}
-- nullif |
SELECT NULLIF({P.text}, {=P.text}) FROM {P} ORDER BY {P.key}
-- coalesce-three |
SELECT COALESCE(NULLIF({P.text}, ''), {P.text2}, 'nothing') FROM {P}
-- greatest |
SELECT {P.key}, GREATEST({P.text}, {P.text2}) FROM {P}
-- concat-op | pg
SELECT {P.text} || ' / ' || {P.text2} FROM {P}
-- concat |
SELECT CONCAT({P.text}, '-', {P.own2}) FROM {P}
-- concat-ws |
SELECT CONCAT_WS(', ', {P.text}, {P.text2}) FROM {P} WHERE {P.fint} < 40
-- format | pg
SELECT format('%s <%s>', {P.text}, {P.text2}) FROM {P}
-- upper |
SELECT UPPER({P.text}), LOWER({P.text2}) FROM {P}
-- substr |
SELECT SUBSTR({P.text}, 1, 4) FROM {P}
-- mask |
SELECT CONCAT(LEFT({P.text}, 1), '***') FROM {P}
-- hashes |
SELECT {P.key}, MD5({P.text}) FROM {P}
-- length |
SELECT {P.key}, LENGTH({P.text}) FROM {P}
-- typeof | pg
SELECT pg_typeof({P.own}) FROM {P} LIMIT 1
-- is-null |
SELECT {P.key}, {P.own} IS NULL FROM {P}
-- cast-text | pg
SELECT {P.own}::text FROM {P}
-- cast-varchar |
SELECT CAST({P.text} AS char(60)) FROM {P}
-- cast-int-rounds | pg
SELECT {P.text} FROM {P} WHERE CAST({P.fnum} AS integer) > 9
-- to-char | pg
SELECT to_char({P.date}, 'DD.MM.YYYY') FROM {P}
-- date-format | mysql
SELECT DATE_FORMAT({P.date}, '%d.%m.%Y') FROM {P}
-- age | pg
SELECT {P.key}, age({P.date}) FROM {P}
-- sum-own |
SELECT sum({P.num}) FROM {P} WHERE {P.key} = {=P.key}
-- avg-group |
SELECT {P.fenum}, avg({P.num}) FROM {P} GROUP BY {P.fenum}
-- grouping-sets | pg rare
SELECT {P.fenum}, {P.text}, count(*) FROM {P} GROUP BY GROUPING SETS (({P.fenum}), ({P.text}))
-- rollup | mysql rare
SELECT {P.fenum}, {P.text}, count(*) FROM {P} GROUP BY {P.fenum}, {P.text} WITH ROLLUP
-- percentile | pg
SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY {P.text}) FROM {P}
-- mode | pg
SELECT mode() WITHIN GROUP (ORDER BY {P.text}) FROM {P} WHERE {P.key} = {=P.key}
-- bool-or | pg
SELECT bool_or({P.text} = {=P.text}) FROM {P}
-- function | pg
SELECT * FROM {F}({=P.key})
-- function-column | pg
SELECT f.{P.text} FROM {F}({=P.key}) AS f
-- function-space | pg
SELECT f.{P.text} FROM {F} ({=P.key}) f
-- function-lateral | pg
SELECT f.{P.text} FROM {C} c, LATERAL {F}(c.{C.fk}) f WHERE c.{C.fcode} = {=C.fcode}
-- function-select-list | pg
SELECT ({F}(c.{C.fk})).* FROM {C} c LIMIT 3
-- random-order |
SELECT {P.text} FROM {P} ORDER BY {?RAND|RANDOM}() LIMIT {n}
-- now |
SELECT {P.text} FROM {P} WHERE {P.fdate} < CURRENT_DATE
-- for-update | 
SELECT {P.text} FROM {P} WHERE {P.key} = {=P.key} FOR UPDATE
-- comment-inside |
SELECT {P.text} /* the name -- */ FROM {P} -- all of them
-- comment-nested | pg
SELECT /* a /* b */ c */ {P.text} FROM {P} WHERE {P.key} = {=P.key}
-- unicode-name | pg
SELECT U&"\0066ull_name" FROM {P}
-- dollar-string | pg simple
SELECT {P.text} FROM {P} WHERE {P.ftext} = $a${=P.ftext#}$a$
-- escape-string | pg simple
SELECT {P.text} FROM {P} WHERE {P.ftext} = E'{=P.ftext#}'
-- unicode-string | pg simple
SELECT {P.text} FROM {P} WHERE {P.key}::text = U&'{=P.key#}'
-- semicolon-two | pg simple
SELECT {P.text} FROM {P} WHERE {P.key} = {=P.key}; SELECT {P.own2} FROM {P} WHERE {P.key} = {=P.key@b}
-- parenthesised |
(SELECT {P.text} FROM {P} ORDER BY {P.key} LIMIT 2) UNION ALL (SELECT {P.text} FROM {P} ORDER BY {P.key} DESC LIMIT 1)
-- double-minus |
SELECT {P.text} FROM {P} WHERE {P.fint} > 1--1
-- quoted-name |
SELECT {P.text!} FROM {P.schema!}.{P!} AS t LIMIT 5
-- star-join |
SELECT * FROM {P} p JOIN {C} c ON c.{C.fk} = p.{P.key} WHERE p.{P.key} = {=P.key}
-- join-using-count |
SELECT p.{P.text}, count(c.{C.fk}) FROM {P} p JOIN {C} c ON c.{C.fk} = p.{P.key} GROUP BY p.{P.key}, p.{P.text} HAVING count(c.{C.fk}) > 1
-- avg-window |
SELECT {P.text}, AVG({P.fint}) OVER (PARTITION BY {P.fenum}) FROM {P}
-- big-offset |
SELECT {P.text} FROM {P} ORDER BY {P.key} LIMIT 5 OFFSET 1000
-- contradiction |
SELECT {P.text} FROM {P} WHERE 1 = 0
-- constant |
SELECT 1
-- version |
SELECT version()
-- joint-all |
SELECT {A.own} FROM {A}
-- joint-one |
SELECT a.{A.own}, a.{A.ftext} FROM {A} a WHERE a.{A.key} = {=A.key}
-- joint-join |
SELECT a.{A.own}, p.{P.text} FROM {A} a JOIN {H} h ON h.account_id = a.id JOIN {P} p ON p.{P.key} = h.held_by
-- joint-filter |
SELECT {A.own} FROM {A} WHERE {A.ftext} = {=A.ftext}
-- joint-holders |
SELECT {H.own}, {H.fint} FROM {H} WHERE {H.fk} = {=H.fk}
-- joint-exists |
SELECT a.{A.own} FROM {A} a WHERE EXISTS (SELECT 1 FROM {H} h WHERE h.account_id = a.id AND h.share > 1)
-- lateral-values | pg
SELECT p.{P.text}, v.w FROM {P} p, LATERAL (VALUES (p.{P.own2})) v (w) WHERE p.{P.fint} > {n}
-- lateral-expression | pg
SELECT p.{P.key}, x.w FROM {P} p LEFT JOIN LATERAL (SELECT p.{P.text} AS w WHERE p.{P.fint} > {n}) x ON true
-- lateral-beside | pg
SELECT p.{P.text}, x.w, x.o FROM {P} p CROSS JOIN LATERAL (SELECT c.{C.text} AS w, p.{P.own2} AS o FROM {C} c WHERE c.{C.fint} < p.{P.fint}) x
-- lateral-left-beside | pg
SELECT p.{P.text}, x.w, x.o FROM {P} p LEFT JOIN LATERAL (SELECT c.{C.text} AS w, p.{P.own2} AS o FROM {C} c WHERE c.{C.fk} = p.{P.key} AND c.{C.fint} > p.{P.fint}) x ON x.w IS NOT NULL
-- lateral-one-of-all | pg
SELECT p.{P.text}, x.w FROM {P} p, LATERAL (SELECT p.{P.own2} || '/' || k.{K.ftext} AS w FROM (SELECT * FROM {K} ORDER BY {K.key} LIMIT 1) k) x
-- value-compares |
SELECT p.{P.text}, (SELECT count(*) FROM {P} q WHERE q.{P.fint} > p.{P.fint}) AS place FROM {P} p ORDER BY p.{P.key}
-- value-compares-most |
SELECT p.{P.key}, (SELECT max(c.{C.text}) FROM {C} c WHERE c.{C.fk} = p.{P.key} AND c.{C.fint} <= p.{P.fint}) AS top FROM {P} p
-- value-compares-least |
SELECT p.{P.text}, (SELECT min(q.{P.own2}) FROM {P} q WHERE q.{P.fint} >= p.{P.fint} AND q.{P.key} <> p.{P.key}) FROM {P} p WHERE p.{P.fint} < {n}
-- value-compares-filter |
SELECT p.{P.text} FROM {P} p WHERE (SELECT count(*) FROM {P} q WHERE q.{P.fint} > p.{P.fint}) < {n}
-- window-exclude | pg
SELECT {P.key}, first_value({P.text}) OVER (PARTITION BY {P.fenum} ORDER BY {P.key} ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING EXCLUDE CURRENT ROW) FROM {P}
-- window-exclude-ties | pg
SELECT {P.text}, sum({P.fint}) OVER (ORDER BY {P.fint} RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW EXCLUDE TIES) FROM {P}
-- window-exclude-none | pg
SELECT last_value({P.text}) OVER (ORDER BY {P.key} ROWS BETWEEN CURRENT ROW AND 1 FOLLOWING EXCLUDE NO OTHERS), {P.key} FROM {P} LIMIT 5
-- window-interval | pg simple
SELECT {P.key}, first_value({P.text}) OVER (ORDER BY {P.fdate} RANGE BETWEEN '1 year'::interval PRECEDING AND CURRENT ROW) FROM {P}
-- window-groups | pg
SELECT {P.text}, count(*) OVER (ORDER BY {P.fint} GROUPS BETWEEN 1 PRECEDING AND 1 FOLLOWING EXCLUDE GROUP) FROM {P}
-- window-named-frame | pg
SELECT {P.key}, lag({P.text}) OVER w, first_value({P.own2}) OVER w FROM {P} WINDOW w AS (ORDER BY {P.key} ROWS BETWEEN 2::int8 PRECEDING AND CURRENT ROW)
-- names-fewer | pg
SELECT * FROM {P} AS t (a, b) WHERE t.a IS NOT NULL LIMIT 4
-- names-fewer-join | pg
SELECT t.a, c.{C.text} FROM {P} t (a) JOIN {C} c ON c.{C.fk} = t.a
-- descendants-star | pg
SELECT {P.text} FROM {P}* WHERE {P.fint} > {n}
-- trim-sides |
SELECT TRIM(LEADING FROM {P.text}), TRIM(TRAILING FROM {P.own2}) FROM {P} WHERE {P.key} = {=P.key}
-- cast-by-name | pg
SELECT float8({P.fint}), int8({P.fint}), {P.text} FROM {P} WHERE int4({P.fint}) > {n}
