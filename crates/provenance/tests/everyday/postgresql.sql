-- Statements of the kinds that applications, object mappers, tools and people send to PostgreSQL. The test `everyday`
-- prints which of them are replayed. `@table` describes a table: `*` before its name if its rows are of people, `!` after a
-- column of its primary key.

@database numbers postgresql
@table *onek(unique1 int!, unique2 int, two int, four int, ten int, hundred int, odd int, stringu1 text, string4 text)
@table *tenk(unique1 int!, unique2 int, two int, four int, ten int, thousand int, stringu1 text)
@table *person(name text, age int, location text)
@table *emp(name text, age int, salary int, manager text, hired date)
@table int4_tbl(f1 int)
@table *text_tbl(f1 text)
@table *jsons(id int!, doc jsonb, tags array, price numeric, at timestamptz, day date, span interval)
@table *empsalary(depname text, empno int!, salary int, enroll_date date)
@kind regression
SELECT * FROM onek WHERE onek.unique1 < 10 ORDER BY onek.unique1;
SELECT onek.unique1, onek.stringu1 FROM onek WHERE onek.unique1 < 20 ORDER BY unique1 using >;
SELECT onek.unique1, onek.string4 FROM onek WHERE onek.unique1 > 980 ORDER BY string4 using <, unique1 using >;
SELECT two, stringu1, ten, string4 FROM onek ORDER BY two, stringu1 COLLATE "C" LIMIT 7;
SELECT p.name, p.age FROM person* p;
SELECT p.name, p.age FROM person* p ORDER BY age DESC, name;
SELECT foo FROM (SELECT 1) AS foo;
SELECT foo.f1 FROM (SELECT f1 FROM int4_tbl) AS foo;
SELECT * FROM onek, (VALUES (147, 'RFAAAA'), (931, 'VJAAAA')) AS v (i, j) WHERE onek.unique1 = v.i AND onek.stringu1 = v.j;
SELECT * FROM onek WHERE (unique1, ten) IN (VALUES (1, 1), (20, 0), (99, 9)) ORDER BY unique1;
VALUES (1, 2), (3, 4 + 4), (7, 77.7);
VALUES (1, 2), (3, 4) UNION ALL SELECT 5, 6 UNION ALL TABLE int4_pairs_missing;
TABLE int4_tbl;
SELECT DISTINCT two FROM onek ORDER BY 1;
SELECT DISTINCT ten FROM onek ORDER BY 1;
SELECT DISTINCT two, string4, ten FROM onek ORDER BY two using <, string4 using <, ten using <;
SELECT DISTINCT ON (string4) string4, two, ten FROM onek ORDER BY string4 using <, two using >, ten using <;
SELECT DISTINCT ON (1) floor(random()) AS r, f1 FROM int4_tbl ORDER BY 1, 2;
SELECT DISTINCT ON (string4, ten) string4, ten, two FROM onek ORDER BY string4, ten DESC, two;
SELECT avg(four) AS avg_1 FROM onek;
SELECT avg(age) AS avg_32 FROM person WHERE age < 100;
SELECT sum(four), max(four), min(four), stddev_pop(ten), variance(ten) FROM onek;
SELECT count(DISTINCT four) AS cnt_4 FROM onek;
SELECT ten, count(*), sum(four) FROM onek GROUP BY ten ORDER BY ten;
SELECT ten, sum(DISTINCT four) FROM onek a GROUP BY ten HAVING EXISTS (SELECT 1 FROM onek b WHERE sum(DISTINCT a.four) = b.four);
SELECT (SELECT max((SELECT i.unique2 FROM tenk i WHERE i.unique1 = o.unique1))) FROM tenk o;
SELECT max(100), min(unique1), max(unique1) FROM tenk WHERE unique1 > 42;
SELECT array_agg(unique1 ORDER BY ten DESC, unique1) FROM onek WHERE unique1 < 5;
SELECT string_agg(stringu1, ',' ORDER BY stringu1) FROM onek WHERE unique1 < 5;
SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY ten) FROM onek;
SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY ten), mode() WITHIN GROUP (ORDER BY string4) FROM onek;
SELECT ten, mode() WITHIN GROUP (ORDER BY string4) FROM onek GROUP BY ten;
SELECT percentile_disc(ARRAY[0.25, 0.5, 0.75]) WITHIN GROUP (ORDER BY unique1) FROM onek;
SELECT min(unique1) FILTER (WHERE unique1 > 100) FROM tenk;
SELECT sum(1 / ten) FILTER (WHERE ten > 0) FROM tenk;
SELECT bool_and(ten > 5), bool_or(ten > 5), every(ten > 5) FROM onek;
SELECT bit_and(unique1), bit_or(unique1) FROM onek;
SELECT regr_count(ten, four), corr(ten, four), covar_pop(ten, four) FROM onek;
SELECT two, four, grouping(two, four), count(*) FROM onek GROUP BY ROLLUP (two, four) ORDER BY 1, 2;
SELECT two, four, sum(ten) FROM onek GROUP BY GROUPING SETS ((two, four), (two), ()) ORDER BY two NULLS FIRST, four;
SELECT two, four, count(*) FROM onek GROUP BY CUBE (two, four);
SELECT four, x FROM (SELECT four, ten, 'foo'::text AS x FROM tenk) AS t GROUP BY GROUPING SETS (four, x) HAVING x = 'foo';
SELECT depname, empno, salary, sum(salary) OVER (PARTITION BY depname) FROM empsalary ORDER BY depname, salary;
SELECT depname, empno, salary, rank() OVER (PARTITION BY depname ORDER BY salary) FROM empsalary;
SELECT depname, empno, salary, sum(salary) OVER w FROM empsalary WINDOW w AS (PARTITION BY depname);
SELECT depname, empno, salary, rank() OVER w FROM empsalary WINDOW w AS (PARTITION BY depname ORDER BY salary) ORDER BY rank() OVER w;
SELECT ntile(3) OVER (ORDER BY ten, four), ten, four FROM tenk WHERE unique2 < 10;
SELECT lag(ten, four, 0) OVER (PARTITION BY four ORDER BY ten), ten, four FROM tenk WHERE unique2 < 10;
SELECT first_value(ten) OVER (PARTITION BY four ORDER BY ten), last_value(four) OVER (ORDER BY ten) FROM tenk WHERE unique2 < 10;
SELECT nth_value(ten, four + 1) OVER (PARTITION BY four), ten, four FROM (SELECT * FROM tenk WHERE unique2 < 10 ORDER BY four, ten) s;
SELECT sum(unique1) OVER (ORDER BY four RANGE BETWEEN 2 PRECEDING AND 1 FOLLOWING), unique1, four FROM tenk WHERE unique1 < 10;
SELECT sum(unique1) OVER (ORDER BY four GROUPS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING), unique1 FROM tenk WHERE unique1 < 10;
SELECT sum(unique1) OVER (ROWS BETWEEN 2 PRECEDING AND 2 FOLLOWING EXCLUDE CURRENT ROW), unique1 FROM tenk WHERE unique1 < 10;
SELECT first_value(unique1) OVER (ORDER BY four ROWS BETWEEN CURRENT ROW AND 2 FOLLOWING EXCLUDE TIES), unique1 FROM tenk WHERE unique1 < 10;
SELECT sum(salary) OVER (ORDER BY enroll_date RANGE BETWEEN '1 year'::interval PRECEDING AND '1 year'::interval FOLLOWING), salary FROM empsalary;
SELECT count(*) OVER (PARTITION BY four) FROM (SELECT * FROM tenk WHERE false) s;
SELECT sum(count(f1)) OVER () FROM int4_tbl WHERE f1 = 42;
SELECT a.f1, b.f1 FROM int4_tbl a CROSS JOIN int4_tbl b;
SELECT t1.unique1, t2.stringu1 FROM onek t1 INNER JOIN tenk t2 USING (unique1) WHERE t1.unique1 < 3;
SELECT * FROM onek t1 NATURAL JOIN int4_pairs_missing t2;
SELECT o.unique1, x.f1 FROM onek o FULL JOIN int4_tbl x ON o.unique1 = x.f1 ORDER BY 1, 2;
SELECT o.unique1, x.f1 FROM onek o RIGHT OUTER JOIN int4_tbl x ON o.unique1 = x.f1;
SELECT t1.f1 FROM int4_tbl t1 LEFT JOIN (int4_tbl t2 LEFT JOIN int4_tbl t3 ON t2.f1 = t3.f1) ON t1.f1 = t2.f1;
SELECT j.* FROM (onek o JOIN tenk t USING (unique1)) AS j WHERE j.unique1 < 2;
SELECT * FROM person p JOIN emp e USING (name) WHERE e.salary > 100;
SELECT p.name, e.salary FROM person p NATURAL JOIN emp e;
SELECT * FROM int4_tbl a, LATERAL (SELECT f1 + a.f1 AS s FROM int4_tbl b) ss;
SELECT o.unique1, s.stringu1 FROM onek o, LATERAL (SELECT * FROM tenk t WHERE t.unique1 = o.unique1 LIMIT 1) s WHERE o.unique1 < 5;
SELECT o.unique1, s.c FROM onek o LEFT JOIN LATERAL (SELECT count(*) AS c FROM tenk t WHERE t.ten = o.ten) s ON true;
SELECT * FROM generate_series(1, 3) g, LATERAL (SELECT * FROM onek WHERE unique1 = g.g) x;
SELECT g, o.stringu1 FROM generate_series(1, 5) AS g LEFT JOIN onek o ON o.unique1 = g;
SELECT x, x::text FROM generate_series(0, 10, 2) AS t(x);
SELECT unique1 FROM tenk WHERE unique1 IN (SELECT hundred FROM onek WHERE odd = 1);
SELECT f1 FROM int4_tbl WHERE f1 NOT IN (SELECT unique1 FROM onek WHERE unique1 IS NOT NULL);
SELECT name FROM emp WHERE salary > ALL (SELECT salary FROM emp e2 WHERE e2.manager = 'bill');
SELECT name FROM emp WHERE salary = ANY (SELECT max(salary) FROM emp GROUP BY manager);
SELECT name FROM emp WHERE (name, salary) = (SELECT e.name, e.salary FROM emp e ORDER BY e.salary DESC LIMIT 1);
SELECT name FROM emp WHERE (age, salary) > (20, 500);
SELECT name FROM emp WHERE ROW(age, salary) = ROW(25, 1000);
SELECT name FROM emp WHERE age BETWEEN SYMMETRIC 40 AND 20;
SELECT name FROM emp WHERE age NOT BETWEEN SYMMETRIC 40 AND 20;
SELECT name FROM emp WHERE manager IS DISTINCT FROM 'bill';
SELECT name FROM emp WHERE manager IS NOT DISTINCT FROM NULL;
SELECT name FROM emp WHERE (age > 30) IS TRUE AND (salary > 10) IS NOT UNKNOWN;
SELECT name FROM emp WHERE name LIKE 's%' ESCAPE '#' OR name LIKE 'h##%' ESCAPE '#';
SELECT name FROM emp WHERE name NOT LIKE '_a%' AND name NOT ILIKE 'S%';
SELECT name FROM emp WHERE name LIKE 'a\%' ESCAPE '';
SELECT name FROM emp WHERE name SIMILAR TO '(s|j)%';
SELECT name FROM emp WHERE name ~* '^s.*m$' AND name !~ 'x';
SELECT name FROM emp WHERE name LIKE ANY (ARRAY['s%', 'j%']);
SELECT name FROM emp WHERE name ILIKE ANY ('{S%,J%}'::text[]);
SELECT name FROM emp WHERE name NOT LIKE ALL (ARRAY['s%', 'j%']);
SELECT name FROM emp WHERE age <> ALL (ARRAY[20, 30]);
SELECT name FROM emp WHERE age = ANY ('{20,30,40}'::int[]) AND 5 < ALL (ARRAY[6, 7]);
SELECT substring(name from 2 for 3), position('a' in name), overlay(name placing 'xx' from 1), trim(both 's' from name) FROM emp;
SELECT char_length(name), lower(name), initcap(name), repeat(name, 2), reverse(name), md5(name), ascii(name), chr(65) FROM emp;
SELECT lpad(name, 10, '*'), rpad(name, 10), split_part(name, 'a', 1), translate(name, 'ab', 'xy'), left(name, 2), right(name, 2) FROM emp;
SELECT regexp_replace(name, '[aeiou]', '', 'g'), regexp_matches(name, '(.)a'), regexp_split_to_array(name, 'a') FROM emp;
SELECT format('%s is %s', name, age), concat(name, ' ', age), concat_ws('-', name, age) FROM emp;
SELECT name || ' ' || age FROM emp WHERE length(name || manager) > 8;
SELECT quote_literal(name), quote_ident(name), to_hex(age), encode(name::bytea, 'base64') FROM emp;
SELECT name, CASE WHEN age < 20 THEN 'young' WHEN age < 40 THEN 'middle' ELSE 'old' END FROM emp;
SELECT coalesce(manager, name), nullif(name, 'bill'), greatest(age, 30), least(age, salary, 40) FROM emp;
SELECT * FROM emp WHERE coalesce(manager, '') = '' AND nullif(age, 0) IS NOT NULL;
SELECT e FROM emp e;
SELECT emp.* FROM emp WHERE emp.name IS NOT NULL;
SELECT (e).name FROM emp e;
SELECT (e.*)::text FROM emp e WHERE e.age = 25;
SELECT row_to_json(e) FROM emp e;
SELECT name(e) FROM emp e;
SELECT count(e) FROM emp e;
SELECT ROW(name, age) FROM emp;
SELECT ctid, name FROM emp;
SELECT tableoid::regclass, name FROM emp;
SELECT FROM emp;
SELECT WHERE false;
SELECT 1 AS one WHERE EXISTS (SELECT FROM emp);
SELECT name AS "select", age "from" FROM emp ORDER BY "from" DESC NULLS LAST FETCH FIRST 3 ROWS ONLY;
SELECT unique1 FROM onek ORDER BY thousand_missing FETCH FIRST 2 ROWS WITH TIES;
SELECT ten FROM onek ORDER BY ten FETCH FIRST 2 ROWS WITH TIES;
SELECT unique1, unique2, stringu1 FROM onek WHERE unique1 > 50 ORDER BY unique1 LIMIT 2;
SELECT unique1, unique2 FROM onek ORDER BY unique1 OFFSET 2 LIMIT 5;
SELECT unique1 FROM onek ORDER BY unique1 OFFSET 3 ROWS FETCH NEXT 2 ROWS ONLY;
SELECT unique1 FROM onek ORDER BY unique1 LIMIT ALL OFFSET 2;
SELECT unique1 FROM onek ORDER BY unique1 LIMIT (SELECT 3);
SELECT unique1 FROM onek ORDER BY unique1 LIMIT 2 + 1;
SELECT unique1 FROM onek LIMIT 5;
SELECT unique1 FROM onek UNION SELECT f1 FROM int4_tbl ORDER BY 1;
SELECT unique1 FROM onek INTERSECT ALL SELECT f1 FROM int4_tbl;
SELECT unique1 FROM onek EXCEPT ALL SELECT f1 FROM int4_tbl ORDER BY 1;
(SELECT unique1 FROM onek ORDER BY 1 LIMIT 2) UNION ALL (SELECT f1 FROM int4_tbl ORDER BY 1 LIMIT 2);
SELECT f1 AS five FROM text_tbl UNION SELECT name FROM person ORDER BY 1;
WITH q1(x, y) AS (SELECT 1, 2) SELECT * FROM q1, q1 AS q2;
WITH RECURSIVE t(n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM t WHERE n < 10) SELECT sum(n) FROM t;
WITH RECURSIVE t(n) AS (VALUES (1) UNION SELECT n + 1 FROM t WHERE n < 10) SELECT n FROM t;
WITH RECURSIVE boss AS (SELECT name, manager, 1 AS depth FROM emp WHERE manager IS NULL UNION ALL SELECT e.name, e.manager, b.depth + 1 FROM emp e JOIN boss b ON e.manager = b.name) SELECT * FROM boss ORDER BY depth;
WITH RECURSIVE boss AS (SELECT name, manager FROM emp WHERE manager IS NULL UNION SELECT e.name, e.manager FROM emp e JOIN boss b ON e.manager = b.name) SELECT name FROM boss;
WITH x AS MATERIALIZED (SELECT unique1 FROM onek) SELECT * FROM x WHERE unique1 < 3;
WITH x AS NOT MATERIALIZED (SELECT unique1 FROM onek) SELECT count(*) FROM x;
SELECT name, (SELECT count(*) FROM emp e2 WHERE e2.manager = e.name) AS reports FROM emp e;
SELECT name, EXISTS (SELECT 1 FROM person p WHERE p.name = e.name) AS is_person FROM emp e;
SELECT name, age IN (SELECT age FROM person) AS same_age FROM emp;
SELECT name, ARRAY(SELECT p.age FROM person p WHERE p.name = e.name) FROM emp e;
SELECT name, (SELECT p.age FROM person p WHERE p.name = e.name ORDER BY p.age DESC LIMIT 1) AS oldest FROM emp e;
SELECT extract(year FROM hired), date_part('month', hired), date_trunc('month', hired), hired + 7, hired - DATE '2000-01-01' FROM emp;
SELECT hired + INTERVAL '1 day', hired - '2 months'::interval, age(hired), age(timestamp '2020-01-01', hired) FROM emp;
SELECT name FROM emp WHERE hired > now() - INTERVAL '30 days';
SELECT name FROM emp WHERE hired BETWEEN CURRENT_DATE - 7 AND CURRENT_DATE;
SELECT name FROM emp WHERE extract(dow FROM hired) IN (0, 6);
SELECT name FROM emp WHERE (hired, hired + 10) OVERLAPS (DATE '2020-01-01', DATE '2021-01-01');
SELECT name FROM emp WHERE age(hired) > INTERVAL '5 years';
SELECT name FROM emp WHERE make_date(2020, 1, 1) < hired AND to_char(hired, 'YYYY-MM') = '2020-02';
SELECT to_char(hired, 'Day, DD  HH12:MI:SS'), to_char(salary, 'FM999,999'), to_date('2020-01-01', 'YYYY-MM-DD'), to_number('12', '99') FROM emp;
SELECT at AT TIME ZONE 'UTC', date_trunc('hour', at), extract(epoch FROM at), at::date, at::time FROM jsons;
SELECT id FROM jsons WHERE at >= '2020-01-01'::timestamptz AND at < '2020-02-01 00:00:00+00' AND day = '2020-01-05';
SELECT id FROM jsons WHERE date_trunc('month', at) = '2020-01-01';
SELECT doc -> 'a', doc ->> 'b', doc #> '{a,b}', doc #>> '{a,b}', doc -> 0 FROM jsons;
SELECT id FROM jsons WHERE doc ->> 'name' = 'x' AND (doc ->> 'age')::int > 3;
SELECT id FROM jsons WHERE doc @> '{"a": 1}';
SELECT id FROM jsons WHERE doc @> '{"tags": ["x"]}'::jsonb AND NOT doc <@ '{}'::jsonb;
SELECT id FROM jsons WHERE doc ? 'a' AND doc ?| ARRAY['a', 'b'] AND doc ?& ARRAY['a', 'b'];
SELECT id FROM jsons WHERE jsonb_path_exists(doc, '$.a[*] ? (@ > 1)') OR doc @@ '$.a > 1' OR doc @? '$.a';
SELECT id, e FROM jsons, jsonb_array_elements(doc -> 'items') AS e;
SELECT id, k, v FROM jsons, LATERAL jsonb_each(doc) AS x(k, v) WHERE k = 'name';
SELECT id, jsonb_array_elements_text(doc -> 'tags') FROM jsons;
SELECT id, jsonb_object_keys(doc) FROM jsons ORDER BY 1, 2;
SELECT id, jsonb_build_object('id', id, 'doc', doc), jsonb_pretty(doc), jsonb_set(doc, '{a}', '1'), doc || '{"z": 1}', doc - 'a' FROM jsons;
SELECT jsonb_agg(doc ORDER BY id), json_object_agg(id, doc) FROM jsons;
SELECT jsonb_typeof(doc -> 'a'), jsonb_array_length(doc -> 'items'), jsonb_extract_path_text(doc, 'a', 'b') FROM jsons;
SELECT id FROM jsons WHERE jsonb_array_length(doc -> 'items') > 2;
SELECT id FROM jsons WHERE jsonb_typeof(doc) = 'object' ORDER BY doc ->> 'name' LIMIT 3;
SELECT tags[1], tags[1:2], array_length(tags, 1), array_to_string(tags, ','), cardinality(tags), unnest(tags) FROM jsons;
SELECT id FROM jsons WHERE tags @> ARRAY['red'] OR tags && '{blue,green}' OR tags <@ ARRAY['a', 'b', 'c'];
SELECT id FROM jsons WHERE 'red' = ANY (tags) AND NOT 'blue' = ANY (tags);
SELECT id FROM jsons WHERE array_length(tags, 1) > 1 AND tags[1] = 'red';
SELECT id, t FROM jsons, unnest(tags) AS t WHERE t LIKE 'r%';
SELECT id, t, n FROM jsons, unnest(tags) WITH ORDINALITY AS u(t, n) ORDER BY id, n;
SELECT id FROM jsons WHERE tags = ARRAY['a', 'b']::text[] OR tags IS NULL OR tags = '{}';
SELECT array_append(tags, 'x'), array_cat(tags, ARRAY['y']), tags || 'z'::text, array_position(tags, 'a'), array_remove(tags, 'a') FROM jsons;
SELECT string_to_array('a,b,c', ','), array_agg(id), ARRAY[id, id + 1] FROM jsons GROUP BY id;
SELECT t, count(*) FROM jsons, unnest(tags) AS t GROUP BY t ORDER BY count(*) DESC, t LIMIT 10;
SELECT price::int, round(price, 1), ceil(price), floor(price), trunc(price), abs(price), mod(id, 2), power(price, 2), sqrt(price), sign(price), price % 2, id / 2, id ^ 2, |/ price FROM jsons;
SELECT id FROM jsons WHERE price::numeric(10,2) > 1.5 AND id % 2 = 0 AND id & 1 = 0 AND id # 3 > 0;
SELECT id FROM jsons TABLESAMPLE BERNOULLI (50);
SELECT id FROM jsons WHERE id = 1 FOR UPDATE;
SELECT id FROM jsons WHERE id = 1 FOR NO KEY UPDATE OF jsons SKIP LOCKED;
SELECT id FROM jsons ORDER BY id FOR SHARE NOWAIT;
SELECT id FROM jsons ORDER BY random() LIMIT 1;
SELECT current_user, version(), now(), current_setting('server_version'), pg_backend_pid();
SELECT width_bucket(price, 0, 100, 5), count(*) FROM jsons GROUP BY 1 ORDER BY 1;
SELECT id, xmin FROM jsons;
SELECT id::text || '-' || price::varchar(5) FROM jsons;
SELECT CAST(id AS bigint), CAST(price AS double precision), id::float8, '12'::int + id, id::boolean FROM jsons;
SELECT span + INTERVAL '1 hour', extract(hour FROM span) FROM jsons;
SELECT id FROM jsons WHERE to_tsvector('english', doc ->> 'body') @@ plainto_tsquery('english', 'cats') AND id < 5;
SELECT id, ts_rank(to_tsvector(doc ->> 'body'), websearch_to_tsquery('cats dogs')) AS rank FROM jsons WHERE to_tsvector(doc ->> 'body') @@ websearch_to_tsquery('cats dogs') ORDER BY rank DESC LIMIT 10;
SELECT s.id, s.n FROM (SELECT id, row_number() OVER (ORDER BY at DESC) AS n FROM jsons) s WHERE s.n <= 3;

@database music postgresql
@table artist(artist_id int!, name text)
@table album(album_id int!, title text, artist_id int)
@table track(track_id int!, name text, album_id int, media_type_id int, genre_id int, composer text, milliseconds int, bytes int, unit_price numeric)
@table genre(genre_id int!, name text)
@table *customer(customer_id int!, first_name text, last_name text, company text, address text, city text, state text, country text, phone text, email text, support_rep_id int)
@table *employee(employee_id int!, last_name text, first_name text, title text, reports_to int, birth_date timestamp, hire_date timestamp, city text, country text, email text)
@table *invoice(invoice_id int!, customer_id int, invoice_date timestamp, billing_address text, billing_city text, billing_country text, total numeric)
@table invoice_line(invoice_line_id int!, invoice_id int, track_id int, unit_price numeric, quantity int)
@kind music shop
SELECT first_name || ' ' || last_name AS full_name, customer_id, country FROM customer WHERE country <> 'USA';
SELECT i.invoice_id, c.first_name || ' ' || c.last_name AS "Customer Name", i.invoice_date, i.billing_country FROM invoice i JOIN customer c ON c.customer_id = i.customer_id WHERE c.country = 'Brazil';
SELECT * FROM employee WHERE title = 'Sales Support Agent';
SELECT DISTINCT billing_country FROM invoice ORDER BY billing_country;
SELECT e.first_name, e.last_name, i.* FROM employee e, customer c, invoice i WHERE c.support_rep_id = e.employee_id AND i.customer_id = c.customer_id;
SELECT count(*), sum(total) FROM invoice WHERE invoice_date BETWEEN '2011-01-01' AND '2011-12-31 23:59:59';
SELECT extract(year FROM invoice_date) AS year, count(*), round(sum(total), 2) FROM invoice GROUP BY year ORDER BY year;
SELECT billing_country, count(*) AS n FROM invoice GROUP BY billing_country HAVING count(*) > 1 ORDER BY n DESC;
SELECT c.customer_id, c.first_name, c.last_name, sum(i.total) AS spent FROM customer c JOIN invoice i USING (customer_id) GROUP BY c.customer_id ORDER BY spent DESC LIMIT 5;
SELECT c.*, count(i.invoice_id) FROM customer c LEFT JOIN invoice i ON i.customer_id = c.customer_id GROUP BY c.customer_id;
SELECT e.employee_id, e.first_name, m.first_name AS manager FROM employee e LEFT JOIN employee m ON e.reports_to = m.employee_id;
SELECT t.name, al.title, ar.name FROM track t JOIN album al ON t.album_id = al.album_id JOIN artist ar USING (artist_id) WHERE ar.name ILIKE '%ac%';
SELECT t.name, count(il.invoice_line_id) AS purchases FROM invoice_line il JOIN track t ON t.track_id = il.track_id JOIN invoice i ON i.invoice_id = il.invoice_id WHERE extract(year FROM i.invoice_date) = 2013 GROUP BY t.name ORDER BY purchases DESC;
WITH spent AS (SELECT c.country, c.customer_id, sum(i.total) AS total FROM customer c JOIN invoice i ON i.customer_id = c.customer_id GROUP BY 1, 2), top AS (SELECT country, max(total) AS best FROM spent GROUP BY country) SELECT s.country, s.customer_id, s.total FROM spent s JOIN top t ON t.country = s.country AND t.best = s.total;
SELECT email FROM customer WHERE customer_id IN (SELECT i.customer_id FROM invoice i JOIN invoice_line il ON il.invoice_id = i.invoice_id JOIN track t ON t.track_id = il.track_id JOIN genre g ON g.genre_id = t.genre_id WHERE g.name = 'Rock') ORDER BY email;
SELECT first_name, last_name FROM customer c WHERE NOT EXISTS (SELECT * FROM invoice i WHERE i.customer_id = c.customer_id AND i.total > 10);
SELECT name, milliseconds FROM track WHERE milliseconds > (SELECT avg(milliseconds) FROM track) ORDER BY milliseconds DESC;
SELECT invoice_id, sum(total) OVER (PARTITION BY customer_id ORDER BY invoice_date ROWS UNBOUNDED PRECEDING) AS running FROM invoice;
SELECT customer_id, total, rank() OVER (PARTITION BY billing_country ORDER BY total DESC) FROM invoice;
SELECT upper(last_name), substr(phone, 1, 4), length(address) FROM customer WHERE company IS NOT NULL AND state IN ('CA', 'NY');
SELECT c.country, string_agg(c.email, '; ' ORDER BY c.email) FROM customer c GROUP BY c.country;
SELECT CASE WHEN total < 5 THEN 'low' ELSE 'high' END AS band, count(*) FROM invoice GROUP BY band;
SELECT to_char(invoice_date, 'YYYY-MM') AS month, sum(total) FROM invoice GROUP BY to_char(invoice_date, 'YYYY-MM') ORDER BY 1;
SELECT age(birth_date), hire_date - birth_date FROM employee WHERE date_part('year', age(hire_date, birth_date)) > 30;
SELECT a.title, array_agg(t.name ORDER BY t.track_id) FROM album a JOIN track t USING (album_id) GROUP BY a.album_id, a.title;

@database trade postgresql
@table *customers(customer_id text!, company_name text, contact_name text, contact_title text, address text, city text, region text, postal_code text, country text, phone text)
@table *orders(order_id int!, customer_id text, employee_id int, order_date date, required_date date, shipped_date date, ship_via int, freight real, ship_name text, ship_city text, ship_country text)
@table order_details(order_id int!, product_id int!, unit_price real, quantity int, discount real)
@table products(product_id int!, product_name text, supplier_id int, category_id int, quantity_per_unit text, unit_price real, units_in_stock int, discontinued int)
@table categories(category_id int!, category_name text, description text)
@table *employees(employee_id int!, last_name text, first_name text, title text, birth_date date, hire_date date, city text, country text, home_phone text, notes text, reports_to int)
@table suppliers(supplier_id int!, company_name text, contact_name text, city text, country text)
@kind trade
SELECT c.company_name, o.order_id, o.order_date FROM customers AS c LEFT JOIN orders AS o ON c.customer_id = o.customer_id WHERE o.order_id IS NULL;
SELECT o.order_id, round(sum(od.unit_price * od.quantity * (1 - od.discount))::numeric, 2) AS subtotal FROM orders o JOIN order_details od USING (order_id) GROUP BY o.order_id ORDER BY o.order_id;
SELECT p.product_name, c.category_name FROM products p INNER JOIN categories c ON c.category_id = p.category_id WHERE p.discontinued = 0;
SELECT DISTINCT b.*, a.category_name FROM categories a INNER JOIN products b ON a.category_id = b.category_id WHERE b.discontinued = 1 ORDER BY b.product_name;
SELECT e.last_name, count(o.order_id) FROM employees e JOIN orders o ON o.employee_id = e.employee_id GROUP BY e.last_name HAVING count(o.order_id) >= 1;
SELECT city, company_name, contact_name, 'Customers' AS relationship FROM customers UNION SELECT city, company_name, contact_name, 'Suppliers' FROM suppliers ORDER BY city, company_name;
SELECT ship_country, avg(freight) AS f FROM orders WHERE order_date >= DATE '1996-01-01' AND order_date < DATE '1996-01-01' + INTERVAL '1 year' GROUP BY ship_country ORDER BY f DESC LIMIT 3;
SELECT employee_id, first_name || ' ' || last_name AS name, extract(year FROM age(CURRENT_DATE, birth_date)) AS years FROM employees ORDER BY years DESC;
SELECT order_id, shipped_date - order_date AS days FROM orders WHERE shipped_date > required_date;
SELECT customer_id, count(*) FILTER (WHERE shipped_date IS NULL) AS open FROM orders GROUP BY customer_id;
SELECT c.company_name, (SELECT max(o.order_date) FROM orders o WHERE o.customer_id = c.customer_id) AS last_order FROM customers c;
SELECT company_name FROM customers WHERE company_name ~ '^[A-C]' AND region IS NULL ORDER BY company_name COLLATE "C";
SELECT o.order_id, o.employee_id, e.last_name FROM orders o, employees e WHERE o.employee_id = e.employee_id AND e.country = 'UK' AND date_part('month', o.order_date) = 5;
SELECT category_name, (SELECT round(avg(unit_price)::numeric, 2) FROM products p WHERE p.category_id = c.category_id) FROM categories c;
SELECT lag(order_date) OVER (PARTITION BY customer_id ORDER BY order_date) AS previous, * FROM orders;
SELECT p.product_name, sum(od.quantity) AS sold FROM products p JOIN order_details od ON od.product_id = p.product_id JOIN orders o ON o.order_id = od.order_id GROUP BY p.product_id, p.product_name ORDER BY sold DESC FETCH FIRST 10 ROWS ONLY;
SELECT contact_name, phone FROM customers WHERE country IN ('Germany', 'France') AND city NOT LIKE 'B%' ORDER BY contact_name;
SELECT first_name, last_name, notes FROM employees WHERE reports_to = (SELECT employee_id FROM employees WHERE last_name = 'Fuller');
WITH RECURSIVE chain AS (SELECT employee_id, last_name, reports_to, ARRAY[employee_id] AS path FROM employees WHERE reports_to IS NULL UNION ALL SELECT e.employee_id, e.last_name, e.reports_to, c.path || e.employee_id FROM employees e JOIN chain c ON c.employee_id = e.reports_to) SELECT * FROM chain;
SELECT o.*, c.contact_name FROM orders o JOIN customers c USING (customer_id) WHERE (o.order_date, o.order_id) < ('1997-01-01', 500) ORDER BY o.order_date DESC, o.order_id DESC LIMIT 20;
SELECT extract(quarter FROM order_date) AS q, sum(freight) FROM orders GROUP BY GROUPING SETS ((extract(quarter FROM order_date)), ());
SELECT customer_id, ntile(4) OVER (ORDER BY sum(freight) DESC) FROM orders GROUP BY customer_id;

@database films postgresql
@table actor(actor_id int!, first_name text, last_name text, last_update timestamp)
@table film(film_id int!, title text, description text, release_year int, language_id int, rental_duration int, rental_rate numeric, length int, rating text, special_features array, fulltext text)
@table film_actor(actor_id int!, film_id int!, last_update timestamp)
@table inventory(inventory_id int!, film_id int, store_id int)
@table *rental(rental_id int!, rental_date timestamp, inventory_id int, customer_id int, return_date timestamp, staff_id int)
@table *payment(payment_id int!, customer_id int, staff_id int, rental_id int, amount numeric, payment_date timestamp)
@table *customer(customer_id int!, store_id int, first_name text, last_name text, email text, address_id int, activebool bool, create_date date, active int)
@table *address(address_id int!, address text, district text, city_id int, postal_code text, phone text)
@table city(city_id int!, city text, country_id int)
@table country(country_id int!, country text)
@kind film rental
SELECT cu.customer_id AS id, cu.first_name || ' ' || cu.last_name AS name, a.address, a.postal_code AS "zip code", a.phone, city.city, country.country, CASE WHEN cu.activebool THEN 'active' ELSE '' END AS notes, cu.store_id AS sid FROM customer cu JOIN address a ON cu.address_id = a.address_id JOIN city ON a.city_id = city.city_id JOIN country ON city.country_id = country.country_id;
SELECT a.actor_id, a.first_name, count(*) AS films FROM actor a JOIN film_actor fa ON fa.actor_id = a.actor_id GROUP BY a.actor_id ORDER BY films DESC LIMIT 1;
SELECT title FROM film WHERE 'Trailers' = ANY (special_features);
SELECT title, unnest(special_features) AS feature FROM film;
SELECT film_id FROM film WHERE special_features @> ARRAY['Deleted Scenes'];
SELECT customer_id, sum(amount) FROM payment GROUP BY customer_id HAVING sum(amount) > 10;
SELECT date_trunc('day', payment_date) AS day, sum(amount) FROM payment GROUP BY day ORDER BY day;
SELECT c.first_name, c.last_name, c.email FROM customer c WHERE c.customer_id NOT IN (SELECT customer_id FROM rental WHERE return_date IS NULL);
SELECT r.rental_id, r.return_date - r.rental_date AS held FROM rental r WHERE r.return_date - r.rental_date > INTERVAL '5 days';
SELECT r.customer_id FROM rental r JOIN inventory i USING (inventory_id) JOIN film f USING (film_id) WHERE r.return_date IS NULL AND r.rental_date + f.rental_duration * INTERVAL '1 day' < now();
SELECT DISTINCT ON (customer_id) customer_id, rental_date, inventory_id FROM rental ORDER BY customer_id, rental_date DESC;
SELECT f.title, string_agg(a.first_name || ' ' || a.last_name, ', ') FROM film f LEFT JOIN film_actor fa USING (film_id) LEFT JOIN actor a USING (actor_id) GROUP BY f.film_id;
SELECT title FROM film WHERE fulltext @@ to_tsquery('fate & india');
SELECT rating, avg(length), percentile_cont(0.5) WITHIN GROUP (ORDER BY length) FROM film GROUP BY rating;
SELECT customer_id, rental_date, lead(rental_date) OVER (PARTITION BY customer_id ORDER BY rental_date) FROM rental;
SELECT c.customer_id, l.amount FROM customer c CROSS JOIN LATERAL (SELECT p.amount FROM payment p WHERE p.customer_id = c.customer_id ORDER BY p.payment_date DESC LIMIT 1) l;
SELECT email FROM customer WHERE active = 1 AND activebool AND create_date > '2006-01-01' ORDER BY lower(last_name), first_name LIMIT 20 OFFSET 40;
SELECT store_id, count(*) FILTER (WHERE activebool), count(*) FILTER (WHERE NOT activebool) FROM customer GROUP BY store_id;
SELECT p.customer_id, p.amount FROM payment p WHERE p.amount = (SELECT max(p2.amount) FROM payment p2 WHERE p2.customer_id = p.customer_id);
SELECT first_name, last_name FROM actor INTERSECT SELECT first_name, last_name FROM customer;
SELECT coalesce(country.country, 'all'), count(*) FROM customer JOIN address USING (address_id) JOIN city USING (city_id) JOIN country USING (country_id) GROUP BY ROLLUP (country.country);
SELECT initcap(lower(first_name)), email FROM customer WHERE email LIKE '%@' || 'sakila.example' AND first_name SIMILAR TO '[AB]%';
SELECT generate_series(min(rental_date), max(rental_date), '1 day'::interval) FROM rental;

@database tpch postgresql
@table region(r_regionkey int!, r_name text, r_comment text)
@table nation(n_nationkey int!, n_name text, n_regionkey int, n_comment text)
@table *supplier(s_suppkey int!, s_name text, s_address text, s_nationkey int, s_phone text, s_acctbal numeric, s_comment text)
@table part(p_partkey int!, p_name text, p_mfgr text, p_brand text, p_type text, p_size int, p_container text, p_retailprice numeric)
@table partsupp(ps_partkey int!, ps_suppkey int!, ps_availqty int, ps_supplycost numeric)
@table *customer(c_custkey int!, c_name text, c_address text, c_nationkey int, c_phone text, c_acctbal numeric, c_mktsegment text, c_comment text)
@table *orders(o_orderkey int!, o_custkey int, o_orderstatus text, o_totalprice numeric, o_orderdate date, o_orderpriority text, o_clerk text, o_shippriority int, o_comment text)
@table lineitem(l_orderkey int!, l_partkey int, l_suppkey int, l_linenumber int!, l_quantity numeric, l_extendedprice numeric, l_discount numeric, l_tax numeric, l_returnflag text, l_linestatus text, l_shipdate date, l_commitdate date, l_receiptdate date, l_shipinstruct text, l_shipmode text)
@kind decision support
select l_returnflag, l_linestatus, sum(l_quantity) as q, sum(l_extendedprice * (1 - l_discount) * (1 + l_tax)) as charge, avg(l_discount) as d, count(*) as n from lineitem where l_shipdate <= date '1998-12-01' - interval '90' day group by l_returnflag, l_linestatus order by l_returnflag, l_linestatus;
select s_acctbal, s_name, n_name, p_partkey, s_address, s_phone from part, supplier, partsupp, nation, region where p_partkey = ps_partkey and s_suppkey = ps_suppkey and p_size = 15 and p_type like '%BRASS' and s_nationkey = n_nationkey and n_regionkey = r_regionkey and ps_supplycost = (select min(ps_supplycost) from partsupp, supplier, nation, region where p_partkey = ps_partkey and s_suppkey = ps_suppkey and s_nationkey = n_nationkey and n_regionkey = r_regionkey) order by s_acctbal desc, n_name, s_name, p_partkey limit 100;
select l_orderkey, sum(l_extendedprice * (1 - l_discount)) as revenue, o_orderdate from customer, orders, lineitem where c_mktsegment = 'BUILDING' and c_custkey = o_custkey and l_orderkey = o_orderkey and o_orderdate < date '1995-03-15' group by l_orderkey, o_orderdate order by revenue desc, o_orderdate limit 10;
select o_orderpriority, count(*) as n from orders where o_orderdate >= date '1993-07-01' and o_orderdate < date '1993-07-01' + interval '3' month and exists (select * from lineitem where l_orderkey = o_orderkey and l_commitdate < l_receiptdate) group by o_orderpriority order by o_orderpriority;
select n_name, sum(l_extendedprice * (1 - l_discount)) as revenue from customer, orders, lineitem, supplier, nation where c_custkey = o_custkey and l_orderkey = o_orderkey and l_suppkey = s_suppkey and c_nationkey = s_nationkey and s_nationkey = n_nationkey group by n_name order by revenue desc;
select sum(l_extendedprice * l_discount) from lineitem where l_shipdate >= date '1994-01-01' and l_discount between 0.06 - 0.01 and 0.06 + 0.01 and l_quantity < 24;
select supp_nation, l_year, sum(volume) from (select n1.n_name as supp_nation, extract(year from l_shipdate) as l_year, l_extendedprice * (1 - l_discount) as volume from supplier, lineitem, nation n1 where s_suppkey = l_suppkey and s_nationkey = n1.n_nationkey) as shipping group by supp_nation, l_year order by supp_nation, l_year;
select o_year, sum(case when nation = 'BRAZIL' then volume else 0 end) / sum(volume) as share from (select extract(year from o_orderdate) as o_year, l_extendedprice as volume, n_name as nation from lineitem, orders, customer, nation where l_orderkey = o_orderkey and o_custkey = c_custkey and c_nationkey = n_nationkey) as a group by o_year order by o_year;
select nation, o_year, sum(amount) from (select n_name as nation, extract(year from o_orderdate) as o_year, l_extendedprice - ps_supplycost * l_quantity as amount from part, supplier, lineitem, partsupp, orders, nation where s_suppkey = l_suppkey and ps_suppkey = l_suppkey and ps_partkey = l_partkey and p_partkey = l_partkey and o_orderkey = l_orderkey and s_nationkey = n_nationkey and p_name like '%green%') as profit group by nation, o_year order by nation, o_year desc;
select c_custkey, c_name, sum(l_extendedprice * (1 - l_discount)) as revenue, c_acctbal, n_name, c_address, c_phone from customer, orders, lineitem, nation where c_custkey = o_custkey and l_orderkey = o_orderkey and l_returnflag = 'R' and c_nationkey = n_nationkey group by c_custkey, c_name, c_acctbal, c_phone, n_name, c_address order by revenue desc limit 20;
select ps_partkey, sum(ps_supplycost * ps_availqty) as value from partsupp, supplier where ps_suppkey = s_suppkey group by ps_partkey having sum(ps_supplycost * ps_availqty) > (select sum(ps_supplycost * ps_availqty) * 0.0001 from partsupp, supplier where ps_suppkey = s_suppkey) order by value desc;
select l_shipmode, sum(case when o_orderpriority = '1-URGENT' or o_orderpriority = '2-HIGH' then 1 else 0 end) as high from orders, lineitem where o_orderkey = l_orderkey and l_shipmode in ('MAIL', 'SHIP') and l_commitdate < l_receiptdate group by l_shipmode order by l_shipmode;
select c_count, count(*) as custdist from (select c_custkey, count(o_orderkey) from customer left outer join orders on c_custkey = o_custkey and o_comment not like '%special%requests%' group by c_custkey) as c_orders (c_custkey, c_count) group by c_count order by custdist desc, c_count desc;
select 100.00 * sum(case when p_type like 'PROMO%' then l_extendedprice * (1 - l_discount) else 0 end) / sum(l_extendedprice * (1 - l_discount)) from lineitem, part where l_partkey = p_partkey and l_shipdate >= date '1995-09-01';
with revenue (supplier_no, total_revenue) as (select l_suppkey, sum(l_extendedprice * (1 - l_discount)) from lineitem group by l_suppkey) select s_suppkey, s_name, s_address, s_phone, total_revenue from supplier, revenue where s_suppkey = supplier_no and total_revenue = (select max(total_revenue) from revenue) order by s_suppkey;
select p_brand, p_type, p_size, count(distinct ps_suppkey) as n from partsupp, part where p_partkey = ps_partkey and p_brand <> 'Brand#45' and p_size in (49, 14, 23) and ps_suppkey not in (select s_suppkey from supplier where s_comment like '%Customer%Complaints%') group by p_brand, p_type, p_size order by n desc, p_brand;
select sum(l_extendedprice) / 7.0 from lineitem, part where p_partkey = l_partkey and p_brand = 'Brand#23' and l_quantity < (select 0.2 * avg(l_quantity) from lineitem where l_partkey = p_partkey);
select c_name, c_custkey, o_orderkey, o_orderdate, o_totalprice, sum(l_quantity) from customer, orders, lineitem where o_orderkey in (select l_orderkey from lineitem group by l_orderkey having sum(l_quantity) > 300) and c_custkey = o_custkey and o_orderkey = l_orderkey group by c_name, c_custkey, o_orderkey, o_orderdate, o_totalprice order by o_totalprice desc, o_orderdate limit 100;
select sum(l_extendedprice * (1 - l_discount)) from lineitem, part where (p_partkey = l_partkey and p_brand = 'Brand#12' and l_quantity >= 1 and l_quantity <= 11) or (p_partkey = l_partkey and p_brand = 'Brand#23' and p_size between 1 and 10);
select s_name, s_address from supplier, nation where s_suppkey in (select ps_suppkey from partsupp where ps_partkey in (select p_partkey from part where p_name like 'forest%') and ps_availqty > (select 0.5 * sum(l_quantity) from lineitem where l_partkey = ps_partkey and l_suppkey = ps_suppkey)) and s_nationkey = n_nationkey order by s_name;
select s_name, count(*) as numwait from supplier, lineitem l1, orders, nation where s_suppkey = l1.l_suppkey and o_orderkey = l1.l_orderkey and o_orderstatus = 'F' and l1.l_receiptdate > l1.l_commitdate and exists (select * from lineitem l2 where l2.l_orderkey = l1.l_orderkey and l2.l_suppkey <> l1.l_suppkey) and not exists (select * from lineitem l3 where l3.l_orderkey = l1.l_orderkey and l3.l_suppkey <> l1.l_suppkey and l3.l_receiptdate > l3.l_commitdate) and s_nationkey = n_nationkey group by s_name order by numwait desc, s_name limit 100;
select cntrycode, count(*) as numcust, sum(c_acctbal) from (select substring(c_phone from 1 for 2) as cntrycode, c_acctbal from customer where substring(c_phone from 1 for 2) in ('13', '31') and c_acctbal > (select avg(c_acctbal) from customer where c_acctbal > 0.00) and not exists (select * from orders where o_custkey = c_custkey)) as custsale group by cntrycode order by cntrycode;
