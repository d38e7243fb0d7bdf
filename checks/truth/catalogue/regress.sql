--- fixed=regress pg
-- select-order-using |
SELECT onek.unique1, onek.stringu1 FROM onek WHERE onek.unique1 < 20 ORDER BY unique1 USING >
-- select-order-two |
SELECT onek.unique1, onek.string4 FROM onek WHERE onek.unique1 < 20 ORDER BY string4 USING <, unique1 USING >
-- select-star |
SELECT onek.* FROM onek WHERE onek.unique1 < 10 ORDER BY onek.unique1
-- select-stringu1 |
SELECT onek.unique1, onek.stringu1 FROM onek WHERE onek.unique1 < 20 ORDER BY stringu1 USING <
-- inherited-star |
SELECT p.name, p.age FROM person* p
-- inherited-order |
SELECT p.name, p.age FROM person* p ORDER BY age USING >, name
-- child |
SELECT name, salary FROM emp
-- only |
SELECT name FROM ONLY person
-- foo-whole-row |
SELECT foo FROM (SELECT 1 OFFSET 0) AS foo
-- values-in |
SELECT stringu1 FROM onek WHERE (unique1, ten) IN (VALUES (1, 1), (20, 0), (9, 9), (17, 99)) ORDER BY unique1
-- values-join |
SELECT * FROM onek, (VALUES (14, 'RFAAAA'), (7, 'VVAAAA')) AS v (i, j) WHERE onek.unique1 = v.i
-- values-lists |
VALUES (1, 2), (3, 4 + 4), (7, 77.7)
-- int8-join |
SELECT * FROM int8_tbl, onek WHERE q1 = unique2 + 100
-- sum-over |
SELECT depname, empno, salary, sum(salary) OVER (PARTITION BY depname) FROM empsalary ORDER BY depname, salary
-- rank-over |
SELECT depname, empno, badge, rank() OVER (PARTITION BY depname ORDER BY salary) FROM empsalary
-- window-clause |
SELECT badge, sum(salary) OVER w FROM empsalary WINDOW w AS (PARTITION BY depname ORDER BY empno)
-- first-value |
SELECT first_value(badge) OVER (PARTITION BY depname ORDER BY empno), depname FROM empsalary
-- last-value |
SELECT last_value(badge) OVER (ORDER BY empno), empno FROM empsalary
-- nth-value |
SELECT nth_value(badge, 2) OVER (PARTITION BY depname ORDER BY empno ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) FROM empsalary
-- lag-lead |
SELECT lag(badge) OVER (ORDER BY empno), lead(badge, 2) OVER (ORDER BY empno) FROM empsalary
-- ntile |
SELECT ntile(3) OVER (ORDER BY ten, four), stringu1 FROM onek WHERE unique2 < 10
-- window-subquery |
SELECT * FROM (SELECT empno, badge, rank() OVER (ORDER BY salary DESC) r FROM empsalary) emp WHERE r < 3
-- window-enroll |
SELECT sum(salary) OVER (ORDER BY enroll_date RANGE BETWEEN '1 year'::interval PRECEDING AND '1 year'::interval FOLLOWING), badge FROM empsalary
-- case-simple |
SELECT '3' AS "One", CASE WHEN i < 3 THEN i ELSE 0 END AS c FROM case_tbl
-- case-coalesce |
SELECT COALESCE(a.stringu1, b.stringu2) FROM onek a LEFT JOIN onek b ON a.unique1 = b.unique2 WHERE a.unique1 < 5
-- nullif |
SELECT NULLIF(stringu1, stringu2) FROM onek WHERE unique1 < 6
-- distinct |
SELECT DISTINCT two FROM onek ORDER BY 1
-- distinct-three |
SELECT DISTINCT two, string4, ten FROM onek ORDER BY two USING <, string4 USING <, ten USING <
-- distinct-on |
SELECT DISTINCT ON (string4) string4, two, stringu1 FROM onek ORDER BY string4 USING <, two USING >, unique1 USING <
-- distinct-on-ten |
SELECT DISTINCT ON (string4, ten) string4, ten, two FROM onek ORDER BY string4 USING <, ten USING >, two USING <
-- distinct-name |
SELECT DISTINCT p.age FROM person* p ORDER BY age USING >
-- having |
SELECT ten, max(stringu1) FROM onek GROUP BY ten HAVING count(*) > 2
-- having-min |
SELECT four, min(stringu1), max(stringu2) FROM onek GROUP BY four HAVING min(unique1) < 3
-- limit-offset |
SELECT ''::text AS two, unique1, unique2, stringu1 FROM onek WHERE unique1 > 10 ORDER BY unique1 LIMIT 2
-- limit-offset-5 |
SELECT ''::text AS five, unique1, stringu1 FROM onek WHERE unique1 > 20 ORDER BY unique1 LIMIT 5 OFFSET 3
-- limit-desc |
SELECT ''::text AS ten, unique1, stringu1 FROM onek ORDER BY unique1 LIMIT 10 OFFSET 30
-- offset-only |
SELECT ''::text AS five, unique1, stringu1 FROM onek ORDER BY unique1 OFFSET 35
-- limit-null |
SELECT stringu1 FROM onek ORDER BY unique1 LIMIT NULL
-- limit-expression |
SELECT stringu1 FROM onek ORDER BY unique1 LIMIT (CASE WHEN random() < 2 THEN 3 END)
-- fetch-ties |
SELECT thousand, stringu1 FROM onek WHERE thousand < 45 ORDER BY thousand FETCH FIRST 2 ROW WITH TIES
-- agg-min-index |
SELECT min(stringu1) FROM onek WHERE unique1 > 42 - 30
-- agg-max-subselect |
SELECT max(stringu1), (SELECT max(b.stringu2) FROM onek b WHERE b.unique2 = a.ten) FROM onek a GROUP BY ten
-- agg-any |
SELECT array_agg(stringu1 ORDER BY unique1) FROM onek WHERE unique1 < 6
-- agg-distinct |
SELECT string_agg(DISTINCT string4::text, ',' ORDER BY string4::text) FROM onek
-- agg-string |
SELECT string_agg(stringu1::text, ',' ORDER BY unique1) FROM onek WHERE four = 1
-- agg-filter |
SELECT max(stringu1) FILTER (WHERE unique1 < 10), count(*) FROM onek
-- agg-within-group |
SELECT percentile_disc(array[0, 0.5, 1]) WITHIN GROUP (ORDER BY thousand) FROM onek
-- agg-rank |
SELECT rank(3) WITHIN GROUP (ORDER BY ten) FROM onek
-- bool-and |
SELECT bool_and(ten < 10), bool_or(stringu1 < 'M') FROM onek
-- variance |
SELECT var_pop(thousand), stddev(hundred), avg(four) FROM onek
-- subselect-in |
SELECT stringu1 FROM onek WHERE unique1 IN (SELECT unique2 FROM tenk1 WHERE ten = 3) ORDER BY unique1
-- subselect-not-in |
SELECT stringu1 FROM onek WHERE unique1 NOT IN (SELECT unique2 FROM tenk1 WHERE unique2 IS NOT NULL)
-- subselect-correlated |
SELECT t.stringu1 FROM tenk1 t WHERE t.unique1 IN (SELECT max(u.unique1) FROM tenk1 u WHERE u.unique2 = t.unique2)
-- subselect-row |
SELECT stringu1 FROM onek WHERE (unique1, four) = (SELECT 5, four FROM onek WHERE unique1 = 5)
-- subselect-any |
SELECT stringu1 FROM onek WHERE unique1 = ANY (SELECT unique2 FROM tenk1 WHERE hundred < 10)
-- subselect-exists |
SELECT count(*) FROM onek o WHERE EXISTS (SELECT 1 FROM tenk1 t WHERE t.unique2 = o.unique1 AND t.stringu1 > 'M')
-- join-on |
SELECT a.stringu1, b.stringu1 FROM onek a JOIN tenk1 b ON a.unique1 = b.unique2 WHERE a.ten = b.ten
-- join-using |
SELECT unique1, o.stringu1 FROM onek o JOIN tenk1 t USING (unique1) WHERE t.ten < 4
-- join-natural |
SELECT * FROM (SELECT unique1, stringu1 FROM onek) a NATURAL JOIN (SELECT unique1, hundred FROM tenk1) b
-- join-full |
SELECT a.stringu1, b.stringu1 FROM (SELECT * FROM onek WHERE unique1 < 6) a FULL JOIN (SELECT * FROM tenk1 WHERE unique1 < 9) b ON a.unique1 = b.unique2
-- join-left-where |
SELECT a.stringu1 FROM onek a LEFT JOIN tenk1 b ON a.unique1 = b.unique2 WHERE b.unique1 IS NULL
-- join-lateral |
SELECT a.stringu1, x.m FROM onek a, LATERAL (SELECT max(b.stringu1::text) m FROM tenk1 b WHERE b.unique2 = a.unique1) x WHERE x.m IS NOT NULL
-- join-lateral-values |
SELECT t.stringu1, x FROM onek t, LATERAL (VALUES (t.unique1), (t.unique2)) v(x) WHERE t.unique1 < 3
-- union |
SELECT stringu1 FROM onek WHERE unique1 < 3 UNION SELECT stringu1 FROM tenk1 WHERE unique1 < 3 ORDER BY 1
-- union-all-types |
SELECT stringu1::text AS t FROM onek WHERE ten = 1 UNION ALL SELECT q1::text FROM int8_tbl
-- except |
SELECT stringu1 FROM onek EXCEPT ALL SELECT stringu1 FROM onek WHERE two = 1
-- intersect |
SELECT string4 FROM onek INTERSECT SELECT string4 FROM tenk1
-- with-recursive |
WITH RECURSIVE t(n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM t WHERE n < 5) SELECT onek.stringu1 FROM onek JOIN t ON t.n = onek.unique1
-- with-recursive-department |
WITH RECURSIVE subdepartment AS (SELECT 1 AS depth, id, name FROM department WHERE id = 1 UNION ALL SELECT s.depth + 1, d.id, d.name FROM department d JOIN subdepartment s ON d.parent_department = s.id WHERE s.depth < 3) SELECT * FROM subdepartment
-- with-unused |
WITH q AS (SELECT stringu1 FROM onek) SELECT count(*) FROM int4_tbl
-- arrays |
SELECT stringu1 FROM onek WHERE unique1 = ANY ('{1,5,9}'::int[]) AND hundred <> ALL (ARRAY[1, 2])
-- array-subquery |
SELECT ARRAY(SELECT stringu1 FROM onek WHERE unique1 < 4 ORDER BY unique1)
-- rowtypes |
SELECT (ROW(stringu1, unique1)).* FROM onek WHERE unique1 = 3
-- row-compare |
SELECT thousand, stringu1 FROM onek WHERE (thousand, unique1) >= (20, 5) ORDER BY thousand, unique1 LIMIT 4
-- composite-star |
SELECT (o).stringu1 FROM (SELECT o FROM onek o WHERE unique1 < 3) q
-- strings-like |
SELECT stringu1 FROM onek WHERE stringu1 LIKE 'A%' OR stringu1 ~~ '_b%'
-- strings-regex |
SELECT stringu1 FROM onek WHERE stringu1 ~ '^[A-F]' AND stringu1 !~* 'z'
-- strings-similar |
SELECT stringu1 FROM onek WHERE stringu1 SIMILAR TO '(A|B|C)%'
-- strings-position |
SELECT stringu1, position('a' in stringu1) FROM onek WHERE unique1 < 9
-- strings-overlay |
SELECT overlay(stringu1 placing '**' from 2 for 2) FROM onek WHERE unique1 < 4
-- cast-name |
SELECT stringu1::varchar(4), CAST(stringu2 AS text) FROM onek WHERE unique1 < 6
-- between |
SELECT stringu1 FROM onek WHERE unique1 BETWEEN 3 AND 6 OR unique2 NOT BETWEEN SYMMETRIC 50 AND 3
-- is-distinct |
SELECT stringu1 FROM onek WHERE two IS DISTINCT FROM four
-- tablesample |
SELECT stringu1 FROM onek TABLESAMPLE BERNOULLI (100) REPEATABLE (0)
-- portals | simple
BEGIN
;;
DECLARE foo1 SCROLL CURSOR FOR SELECT unique1, stringu1 FROM onek ORDER BY unique2, unique1
;;
FETCH 3 in foo1
;;
FETCH backward 1 in foo1
;;
FETCH 2 in foo1
;;
CLOSE foo1
;;
END
-- prepare | simple
PREPARE q2(text) AS SELECT unique1, stringu1 FROM onek WHERE string4 = $1
;;
EXECUTE q2('AAAAxx')
;;
DEALLOCATE q2
-- point | 
SELECT name FROM person WHERE location <-> point(1,1) < 3
-- bool-expression |
SELECT stringu1 FROM onek WHERE (two = 1) IS TRUE AND NOT (four = 2)
-- rows-from |
SELECT o.stringu1, g FROM onek o, ROWS FROM (generate_series(1, 2)) AS g WHERE o.unique1 = 2
-- srf |
SELECT stringu1, generate_series(1, two + 1) FROM onek WHERE unique1 < 4 ORDER BY unique1
-- srf-limit |
SELECT stringu1, generate_series(1, 3) FROM onek ORDER BY unique1 LIMIT 4
-- grouping-sets |
SELECT two, four, max(stringu1) FROM onek GROUP BY GROUPING SETS ((two), (four), ()) ORDER BY 1, 2
-- cube |
SELECT two, ten, count(*) FROM onek GROUP BY CUBE (two, ten)
-- group-functional-dependency |
SELECT unique1, stringu1, count(*) FROM onek GROUP BY unique1
-- order-by-expression |
SELECT stringu1 FROM onek ORDER BY -unique1 LIMIT 3
-- order-hidden |
SELECT stringu1 FROM onek ORDER BY hundred, unique1 LIMIT 3
