-- Statements as object mappers and interfaces over PostgreSQL write them.

@database app postgresql
@table *users(id int!, email text, username text, first_name text, last_name text, password text, is_active bool, is_staff bool, date_joined timestamptz, last_login timestamptz, settings jsonb, role text, tags array, age int, created_at timestamp, deleted_at timestamp)
@table *posts(id int!, title text, body text, author_id int, published bool, created_at timestamp, updated_at timestamp, views int, category_id int, meta jsonb)
@table *comments(id int!, post_id int, user_id int, text text, created_at timestamp)
@table *profiles(id int!, user_id int, phone text, bio text, address jsonb, birth date)
@table *orders(id int!, user_id int, total numeric, status text, placed_at timestamptz, items jsonb)
@table categories(id int!, name text, slug text, parent_id int)
@table post_tags(post_id int!, tag_id int!)
@table tags(id int!, name text)
@table *"User"(id int!, email text, name text, "createdAt" timestamp, role text)
@table *"Post"(id int!, title text, content text, published bool, "authorId" int, "createdAt" timestamp)
@table *"_PostToTag"("A" int!, "B" int!)
@table "Tag"(id int!, name text)
@kind django
SELECT "users"."id", "users"."email", "users"."username" FROM "users" WHERE "users"."id" = 4 LIMIT 21;
SELECT COUNT(*) AS "__count" FROM "users" WHERE "users"."is_active";
SELECT COUNT(*) FROM (SELECT DISTINCT "users"."id" AS "col1" FROM "users" INNER JOIN "posts" ON ("users"."id" = "posts"."author_id")) subquery;
SELECT (1) AS "a" FROM "users" WHERE "users"."email" = 'a@b.example' LIMIT 1;
SELECT 1 AS "a" FROM "users" WHERE UPPER("users"."email"::text) = UPPER('a@b.example') LIMIT 1;
SELECT "users"."id", "users"."email" FROM "users" WHERE ("users"."is_active" AND NOT ("users"."is_staff")) ORDER BY "users"."date_joined" DESC LIMIT 25 OFFSET 50;
SELECT "users"."id" FROM "users" WHERE UPPER("users"."username"::text) LIKE UPPER('%ann%') ORDER BY "users"."username" ASC;
SELECT "users"."id" FROM "users" WHERE "users"."username"::text LIKE 'an%' AND "users"."id" IN (1, 2, 3);
SELECT "posts"."id", "posts"."title", "users"."id", "users"."email" FROM "posts" INNER JOIN "users" ON ("posts"."author_id" = "users"."id") WHERE "posts"."published" ORDER BY "posts"."created_at" DESC LIMIT 10;
SELECT "users"."id", COUNT("posts"."id") AS "n" FROM "users" LEFT OUTER JOIN "posts" ON ("users"."id" = "posts"."author_id") GROUP BY "users"."id" HAVING COUNT("posts"."id") > 1 ORDER BY "n" DESC;
SELECT "users"."id", "users"."email", "users"."first_name", COUNT("posts"."id") AS "n" FROM "users" LEFT OUTER JOIN "posts" ON ("users"."id" = "posts"."author_id") GROUP BY "users"."id";
SELECT "users"."id", (SELECT U0."title" FROM "posts" U0 WHERE U0."author_id" = ("users"."id") ORDER BY U0."created_at" DESC LIMIT 1) AS "latest" FROM "users";
SELECT "users"."id", EXISTS(SELECT 1 AS "a" FROM "posts" U0 WHERE U0."author_id" = ("users"."id") LIMIT 1) AS "has_posts" FROM "users" ORDER BY "users"."id" ASC;
SELECT "users"."id" FROM "users" WHERE EXISTS(SELECT 1 AS "a" FROM "posts" U0 WHERE (U0."author_id" = ("users"."id") AND U0."published") LIMIT 1);
SELECT "users"."id" FROM "users" WHERE NOT (EXISTS(SELECT 1 AS "a" FROM "posts" U1 WHERE U1."author_id" = ("users"."id") LIMIT 1));
SELECT "users"."id" FROM "users" WHERE ("users"."settings" -> 'theme') = '"dark"'::jsonb;
SELECT "users"."id" FROM "users" WHERE ("users"."settings" ->> 'lang') = 'de' AND "users"."settings" ? 'theme';
SELECT "users"."id" FROM "users" WHERE "users"."settings" @> '{"beta": true}'::jsonb;
SELECT "users"."id" FROM "users" WHERE "users"."tags" @> ARRAY['vip']::varchar(20)[];
SELECT "users"."id" FROM "users" WHERE "users"."tags" && (ARRAY['vip', 'new'])::varchar(20)[];
SELECT DISTINCT DATE_TRUNC('month', "posts"."created_at" AT TIME ZONE 'UTC') AS "datetimefield" FROM "posts" WHERE "posts"."created_at" IS NOT NULL ORDER BY "datetimefield" ASC;
SELECT DATE_TRUNC('day', "orders"."placed_at" AT TIME ZONE 'UTC') AS "day", SUM("orders"."total") AS "sum" FROM "orders" GROUP BY 1 ORDER BY 1 ASC;
SELECT "users"."id", CASE WHEN "users"."is_staff" THEN 'staff' WHEN "users"."is_active" THEN 'user' ELSE 'off' END AS "kind" FROM "users";
SELECT "posts"."id", ROW_NUMBER() OVER (PARTITION BY "posts"."author_id" ORDER BY "posts"."created_at" DESC) AS "rn" FROM "posts";
SELECT "col1", "col2" FROM (SELECT * FROM (SELECT "posts"."id" AS "col1", "posts"."title" AS "col2", ROW_NUMBER() OVER (PARTITION BY "posts"."author_id" ORDER BY "posts"."id") AS "qual0" FROM "posts") "qualify" WHERE "qual0" <= 3) "qualify_mask";
SELECT "users"."id", COALESCE("users"."first_name", '') AS "f", CONCAT(("users"."first_name")::text, (CONCAT((' ')::text, ("users"."last_name")::text))::text) AS "full" FROM "users" WHERE "users"."date_joined" >= '2024-01-01T00:00:00+00:00'::timestamptz;
SELECT "users"."id" FROM "users" WHERE "users"."date_joined" BETWEEN '2024-01-01 00:00:00+00'::timestamptz AND '2024-12-31 23:59:59.999999+00'::timestamptz;
SELECT "users"."id" FROM "users" WHERE ("users"."deleted_at" IS NULL AND ("users"."role" = 'admin' OR "users"."role" IN ('editor', 'owner')));
SELECT "users"."id" FROM "users" WHERE to_tsvector(COALESCE("users"."first_name", '')) @@ (plainto_tsquery('ann')) ORDER BY "users"."id";
(SELECT "users"."id" AS "col1" FROM "users" WHERE "users"."is_staff") UNION (SELECT "users"."id" AS "col1" FROM "users" WHERE "users"."is_active") ORDER BY (1) ASC LIMIT 5;
SELECT "users"."id", AVG("orders"."total") AS "a", MAX("orders"."placed_at") AS "m", STDDEV_POP("orders"."total") AS "s" FROM "users" INNER JOIN "orders" ON ("users"."id" = "orders"."user_id") GROUP BY "users"."id";
SELECT ARRAY_AGG("posts"."title" ) AS "titles", STRING_AGG("posts"."title", ', ' ) AS "joined", JSONB_AGG("posts"."title") AS "j" FROM "posts";
SELECT EXTRACT(YEAR FROM "posts"."created_at") AS "y", COUNT("posts"."id") AS "c" FROM "posts" GROUP BY EXTRACT(YEAR FROM "posts"."created_at") ORDER BY 1 ASC;
SELECT "categories"."id", T2."name" FROM "categories" LEFT OUTER JOIN "categories" T2 ON ("categories"."parent_id" = T2."id");
SELECT "users"."id" FROM "users" FOR UPDATE;
SELECT "users"."id" FROM "users" WHERE "users"."id" = 3 FOR UPDATE SKIP LOCKED;
SELECT "users"."id" FROM "users" ORDER BY RANDOM() ASC LIMIT 3;
@kind sqlalchemy
SELECT users.id AS users_id, users.email AS users_email FROM users WHERE users.email = 'x' LIMIT 1;
SELECT users.id, users.email FROM users WHERE users.id = $1::INTEGER;
SELECT anon_1.users_id AS anon_1_users_id, posts_1.title AS posts_1_title FROM (SELECT users.id AS users_id FROM users ORDER BY users.id LIMIT 10) AS anon_1 LEFT OUTER JOIN posts AS posts_1 ON anon_1.users_id = posts_1.author_id ORDER BY anon_1.users_id;
SELECT count(*) AS count_1 FROM (SELECT users.id AS users_id FROM users WHERE users.is_active = true) AS anon_1;
SELECT users.id FROM users WHERE users.id IN ($1::INTEGER, $2::INTEGER);
SELECT users.id FROM users WHERE users.is_active IS true AND users.deleted_at IS NULL;
SELECT users.id FROM users WHERE EXISTS (SELECT 1 FROM posts WHERE users.id = posts.author_id AND posts.title LIKE '%' || 'x' || '%');
SELECT users.id, anon_1.n FROM users LEFT OUTER JOIN (SELECT posts.author_id AS author_id, count(*) AS n FROM posts GROUP BY posts.author_id) AS anon_1 ON users.id = anon_1.author_id;
SELECT lower(users.email) AS lower_1, CAST(users.age AS VARCHAR) AS age FROM users WHERE lower(users.email) LIKE lower('%A%');
SELECT users.id FROM users WHERE (users.first_name, users.last_name) IN (('a', 'b'), ('c', 'd'));
SELECT users.id FROM users WHERE users.settings ->> 'a' = 'b' AND CAST((users.settings ->> 'n') AS INTEGER) > 3;
SELECT users.id FROM users WHERE users.tags @> CAST(ARRAY['a'] AS VARCHAR[]);
SELECT users.id FROM users WHERE 'a' = ANY (users.tags);
WITH RECURSIVE tree(id, name, parent_id) AS (SELECT categories.id AS id, categories.name AS name, categories.parent_id AS parent_id FROM categories WHERE categories.parent_id IS NULL UNION ALL SELECT c.id AS id, c.name AS name, c.parent_id AS parent_id FROM categories AS c JOIN tree AS t ON c.parent_id = t.id) SELECT tree.id, tree.name FROM tree;
SELECT users.id, rank() OVER (PARTITION BY users.role ORDER BY users.age DESC) AS r FROM users;
SELECT users.id FROM users WHERE users.email ILIKE '%x%' ESCAPE '/' ORDER BY users.email NULLS LAST;
SELECT posts.id, posts.title, users_1.id AS id_1 FROM posts JOIN users AS users_1 ON users_1.id = posts.author_id JOIN post_tags AS pt ON posts.id = pt.post_id JOIN tags ON tags.id = pt.tag_id WHERE tags.name = 'sql';
SELECT coalesce(sum(orders.total), 0) AS s FROM orders WHERE orders.placed_at >= '2024-01-01'::timestamp with time zone;
@kind knex and objection
select "users".* from "users" where "email" = $1 limit $2;
select "id", "email" from "users" where "id" in ($1, $2, $3);
select count(*) as "total" from "users" where "is_active" = $1;
select "users"."id", "posts"."title" from "users" inner join "posts" on "users"."id" = "posts"."author_id" where "posts"."published" = true and ("users"."role" = 'a' or "users"."role" = 'b') order by "posts"."id" desc limit 5;
select * from "users" where not "is_staff" = true and "age" between 18 and 65;
select * from "users" where exists (select 1 from "posts" where "posts"."author_id" = "users"."id") and "deleted_at" is null;
select "u".*, (select count(*) from "posts" where "author_id" = "u"."id") as "postCount" from "users" as "u";
select distinct "role" from "users" order by "role" asc;
select max("age") as "max", min("age") as "min", avg("age") as "avg" from "users" group by "role" having count(*) > 1;
with "recent" as (select * from "posts" where "created_at" > now() - interval '7 days') select * from "recent" where "author_id" = 2;
select * from "users" where "settings" @> '{"a":1}' and "settings"->>'theme' = 'dark';
select * from "users" where LOWER("email") = ANY(ARRAY['a@b.example', 'c@d.example']);
select * from "users" where ("created_at", "id") < ('2024-01-01', 50) order by "created_at" desc, "id" desc limit 20;
select "users"."id" from "users" where "users"."id" not in (select "user_id" from "orders") union all select "users"."id" from "users" where "age" > 90;
select * from "users" where "email" ilike '%x%' or "username" ilike '%x%' limit 10;
select json_agg("p".*) as "posts" from "posts" as "p" where "p"."author_id" = 1;
select "users"."id", coalesce(json_agg(json_build_object('id', "posts"."id", 'title', "posts"."title")) filter (where "posts"."id" is not null), '[]') as "posts" from "users" left join "posts" on "posts"."author_id" = "users"."id" group by "users"."id";
select "id", (CASE WHEN ("users"."role" = 'a') THEN "users"."age" END) AS "age" from "users" order by "users"."age" desc limit 5;
@kind prisma
SELECT "public"."User"."id", "public"."User"."email" FROM "public"."User" WHERE ("public"."User"."email" = $1 AND 1=1) LIMIT $2 OFFSET $3;
SELECT "public"."User"."id", "public"."User"."email", "public"."User"."name" FROM "public"."User" WHERE 1=1 ORDER BY "public"."User"."id" ASC LIMIT $1 OFFSET $2;
SELECT "public"."Post"."id", "public"."Post"."title", "public"."Post"."authorId" FROM "public"."Post" WHERE "public"."Post"."authorId" IN ($1,$2) OFFSET $3;
SELECT COUNT(*) FROM (SELECT "public"."User"."id" FROM "public"."User" WHERE 1=1 OFFSET $1) AS "sub";
SELECT COUNT(*), SUM("public"."Post"."id") FROM (SELECT "public"."Post"."id" FROM "public"."Post" WHERE 1=1 OFFSET $1) AS "sub";
SELECT "public"."User"."id" FROM "public"."User" WHERE ("public"."User"."id") IN (SELECT "t1"."authorId" FROM "public"."Post" AS "t1" WHERE ("t1"."published" = $1 AND "t1"."authorId" IS NOT NULL));
SELECT "public"."User"."id" FROM "public"."User" WHERE ("public"."User"."id") NOT IN (SELECT "t1"."authorId" FROM "public"."Post" AS "t1" WHERE ((NOT "t1"."published" = true) AND "t1"."authorId" IS NOT NULL));
SELECT "t1"."id", "t1"."email", "User_posts"."__prisma_data__" AS "posts" FROM "public"."User" AS "t1" LEFT JOIN LATERAL (SELECT COALESCE(JSONB_AGG("__prisma_data__"), '[]') AS "__prisma_data__" FROM (SELECT "t3"."__prisma_data__" FROM (SELECT JSONB_BUILD_OBJECT('id', "t2"."id", 'title', "t2"."title") AS "__prisma_data__" FROM (SELECT "t4".* FROM "public"."Post" AS "t4" WHERE "t1"."id" = "t4"."authorId") AS "t2") AS "t3") AS "t5") AS "User_posts" ON TRUE WHERE "t1"."id" = 4 LIMIT 1;
SELECT "t1"."id", "Post_author"."__prisma_data__" AS "author" FROM "public"."Post" AS "t1" LEFT JOIN LATERAL (SELECT JSONB_BUILD_OBJECT('id', "t2"."id", 'email', "t2"."email") AS "__prisma_data__" FROM (SELECT "t3".* FROM "public"."User" AS "t3" WHERE "t1"."authorId" = "t3"."id" LIMIT 1) AS "t2") AS "Post_author" ON TRUE;
SELECT "public"."User"."id", COALESCE("aggr_selection_0_Post"."_aggr_count_posts", 0) AS "_aggr_count_posts" FROM "public"."User" LEFT JOIN (SELECT "public"."Post"."authorId", COUNT(*) AS "_aggr_count_posts" FROM "public"."Post" WHERE 1=1 GROUP BY "public"."Post"."authorId") AS "aggr_selection_0_Post" ON ("public"."User"."id" = "aggr_selection_0_Post"."authorId") WHERE 1=1 OFFSET $1;
SELECT "public"."User"."role"::text, COUNT(*) FROM "public"."User" WHERE 1=1 GROUP BY "public"."User"."role" OFFSET 0;
SELECT "t0"."A", "t0"."B" FROM "public"."_PostToTag" AS "t0" WHERE "t0"."A" IN (1, 2);
SELECT "public"."User"."id" FROM "public"."User" WHERE ("public"."User"."name"::text LIKE $1 AND "public"."User"."createdAt" >= $2) ORDER BY "public"."User"."createdAt" DESC LIMIT 10;
SELECT "public"."User"."id" FROM "public"."User" WHERE ("public"."User"."email" ILIKE '%a%' OR "public"."User"."role" = CAST('ADMIN'::text AS "public"."Role"));
@kind typeorm
SELECT "u"."id" AS "u_id", "u"."email" AS "u_email" FROM "users" "u" WHERE ( ("u"."email" = $1) ) LIMIT 1;
SELECT DISTINCT "distinctAlias"."u_id" AS "ids_u_id" FROM (SELECT "u"."id" AS "u_id", "p"."title" AS "p_title" FROM "users" "u" LEFT JOIN "posts" "p" ON "p"."author_id"="u"."id" WHERE "u"."id" = 3) "distinctAlias" ORDER BY "u_id" ASC LIMIT 1;
SELECT "u"."id" AS "u_id", "p"."id" AS "p_id" FROM "users" "u" LEFT JOIN "posts" "p" ON "p"."author_id"="u"."id" AND ("p"."published" = true) WHERE ( "u"."deleted_at" IS NULL ) ORDER BY "u"."created_at" DESC;
SELECT COUNT(DISTINCT("u"."id")) AS "cnt" FROM "users" "u" LEFT JOIN "posts" "p" ON "p"."author_id"="u"."id";
SELECT COUNT(1) AS "cnt" FROM "users" "User" WHERE (("User"."age" > 3));
@kind hibernate
select u1_0.id,u1_0.email,u1_0.first_name from users u1_0 where u1_0.id=$1;
select u1_0.id,u1_0.email from users u1_0 where u1_0.email like $1 escape '' order by u1_0.id offset 0 rows fetch first 10 rows only;
select u1_0.id from users u1_0 where upper(u1_0.last_name) like upper('%a%') escape '\' fetch first 5 rows only;
select p1_0.id,p1_0.title,a1_0.id,a1_0.email from posts p1_0 left join users a1_0 on a1_0.id=p1_0.author_id where p1_0.id=4;
select count(u1_0.id) from users u1_0 where u1_0.is_active=true;
select u1_0.id from users u1_0 where exists(select 1 from posts p1_0 where u1_0.id=p1_0.author_id and p1_0.views>?);
select u1_0.id,p1_0.author_id,p1_0.id from users u1_0 join posts p1_0 on u1_0.id=p1_0.author_id where u1_0.role in ('a','b') and u1_0.created_at>='2024-01-01 00:00:00';
select u1_0.id from users u1_0 where u1_0.id=array_any_missing(1);
select u1_0.id from users u1_0 where u1_0.id=any($1);
select distinct u1_0.role,(select count(*) from orders o1_0 where o1_0.user_id=u1_0.id) from users u1_0;
@kind activerecord
SELECT "users".* FROM "users" WHERE "users"."id" = 1 LIMIT 1;
SELECT "users".* FROM "users" ORDER BY "users"."id" ASC LIMIT $1;
SELECT 1 AS one FROM "users" WHERE "users"."email" = 'a' LIMIT 1;
SELECT COUNT(*) FROM "users" WHERE "users"."deleted_at" IS NULL;
SELECT "posts".* FROM "posts" WHERE "posts"."author_id" = 3 AND "posts"."published" = TRUE ORDER BY "posts"."created_at" DESC LIMIT 10 OFFSET 0;
SELECT "users"."id" AS t0_r0, "users"."email" AS t0_r1, "posts"."id" AS t1_r0 FROM "users" LEFT OUTER JOIN "posts" ON "posts"."author_id" = "users"."id" WHERE "users"."id" = 2;
SELECT "users"."id", "users"."email" FROM "users" WHERE "users"."id" IN (1, 2) AND "users"."role" != 'x';
SELECT COUNT(*) AS "count_all", "users"."role" AS "users_role" FROM "users" GROUP BY "users"."role";
SELECT DATE_TRUNC('day', "posts"."created_at"::timestamptz AT TIME ZONE 'Etc/UTC')::date AS "day", COUNT(*) FROM "posts" GROUP BY 1;
SELECT "users".* FROM "users" WHERE (users.email LIKE '%x%') AND "users"."created_at" BETWEEN '2024-01-01' AND '2024-02-01';
SELECT DISTINCT "users"."id", "posts"."created_at" AS alias_0 FROM "users" INNER JOIN "posts" ON "posts"."author_id" = "users"."id" ORDER BY "posts"."created_at" DESC LIMIT 3;
SELECT "users".* FROM "users" WHERE NOT ("users"."role" = 'a' OR "users"."role" IS NULL);
SELECT SUM("orders"."total") FROM "orders" WHERE "orders"."user_id" = 1 AND "orders"."status" IN ('paid', 'sent');
SELECT "users".* FROM "users" WHERE "users"."settings" ->> 'a' = '1' ORDER BY LOWER("users"."last_name");
@kind postgrest and hasura
WITH pgrst_source AS ( SELECT "public"."users"."id", "public"."users"."email" FROM "public"."users" WHERE "public"."users"."id" = 4 ) SELECT null::bigint AS total_result_set, pg_catalog.count(_postgrest_t) AS page_total, coalesce(json_agg(_postgrest_t), '[]')::text AS body, nullif(current_setting('response.headers', true), '') AS response_headers, nullif(current_setting('response.status', true), '') AS response_status FROM ( SELECT * FROM pgrst_source ) _postgrest_t;
WITH pgrst_source AS ( SELECT "public"."users".* FROM "public"."users" ORDER BY "public"."users"."id" ASC LIMIT 3 OFFSET 0 ), pgrst_source_count AS (SELECT 1 FROM "public"."users") SELECT (SELECT pg_catalog.count(*) FROM pgrst_source_count) AS total_result_set, pg_catalog.count(_postgrest_t) AS page_total, coalesce(json_agg(_postgrest_t), '[]') AS body FROM ( SELECT * FROM pgrst_source ) _postgrest_t;
WITH pgrst_source AS (SELECT "public"."users"."id", COALESCE("users_posts_1"."users_posts_1", '[]') AS "posts" FROM "public"."users" LEFT JOIN LATERAL ( SELECT json_agg("users_posts_1") AS "users_posts_1" FROM (SELECT "posts_1"."title" FROM "public"."posts" AS "posts_1" WHERE "posts_1"."author_id" = "public"."users"."id" ) AS "users_posts_1" ) AS "users_posts_1" ON TRUE WHERE "public"."users"."id" = 2) SELECT coalesce(json_agg(_postgrest_t), '[]') AS body FROM (SELECT * FROM pgrst_source) _postgrest_t;
SELECT coalesce(json_agg("root"), '[]') AS "root" FROM (SELECT row_to_json((SELECT "_e" FROM (SELECT "_root.base"."id" AS "id", "_root.base"."email" AS "email") AS "_e")) AS "root" FROM (SELECT * FROM "public"."users" WHERE (("public"."users"."id") = (('4')::integer))) AS "_root.base") AS "_root";
SELECT coalesce(json_agg("root" ORDER BY "root.pg.id" ASC NULLS LAST), '[]') AS "root" FROM (SELECT row_to_json((SELECT "_1_e" FROM (SELECT "_0_root.base"."id" AS "id", "_0_root.base"."email" AS "email") AS "_1_e")) AS "root", "_0_root.base"."id" AS "root.pg.id" FROM (SELECT * FROM "public"."users" WHERE ('true') ORDER BY "id" ASC NULLS LAST LIMIT 5) AS "_0_root.base" ORDER BY "root.pg.id" ASC NULLS LAST) AS "_2_root";
SELECT coalesce(json_agg("root"), '[]') AS "root" FROM (SELECT row_to_json((SELECT "_5_e" FROM (SELECT "_0_root.base"."id" AS "id", "_4_root.ar.root.posts"."posts" AS "posts") AS "_5_e")) AS "root" FROM (SELECT * FROM "public"."users" WHERE (("public"."users"."id") = 3)) AS "_0_root.base" LEFT OUTER JOIN LATERAL (SELECT coalesce(json_agg("posts"), '[]') AS "posts" FROM (SELECT row_to_json((SELECT "_2_e" FROM (SELECT "_1_root.ar.root.posts.base"."title" AS "title") AS "_2_e")) AS "posts" FROM (SELECT * FROM "public"."posts" WHERE (("_0_root.base"."id") = ("author_id"))) AS "_1_root.ar.root.posts.base") AS "_3_root.ar.root.posts") AS "_4_root.ar.root.posts" ON ('true')) AS "_6_root";
SELECT json_build_object('aggregate', json_build_object('count', count(*))) AS "root" FROM (SELECT * FROM "public"."users" WHERE (("public"."users"."age") > 18)) AS "_root.base";
SELECT to_jsonb(u) FROM users u WHERE u.id = 1;
SELECT row_to_json(t) FROM (SELECT id, email FROM users WHERE id < 3) t;
SELECT array_to_json(array_agg(row_to_json(t))) FROM (SELECT id, email FROM users) t;
SELECT json_agg(u) FROM users u;
SELECT u FROM users u WHERE u.id = 1;
SELECT jsonb_build_object('id', u.id, 'posts', (SELECT jsonb_agg(jsonb_build_object('t', p.title) ORDER BY p.id) FROM posts p WHERE p.author_id = u.id)) FROM users u WHERE u.id = 2;
SELECT to_jsonb(u) - 'password' FROM users u;
SELECT jsonb_object_agg(u.id, to_jsonb(u.*)) FROM users u;
@kind people at a console
select * from public.users where public.users.id = 3;
select users.*, p.phone from users, profiles p where p.user_id = users.id and users.last_name ilike any(array['%a%', '%b%']);
select id, email from users where email ~ '@example\.(com|org)$' order by random() limit 5;
select u.id, u.email, p.address->'geo'->>'lat' as lat from users u join profiles p on p.user_id = u.id where p.address->>'city' = 'Oslo';
select role, count(*) filter (where is_active) as active, count(*) as all, array_agg(distinct email) from users group by role;
select date_trunc('week', created_at) as week, count(*) from users where created_at > current_date - interval '1 year' group by 1 order by 1 desc;
select u.*, o.* from users u left join lateral (select * from orders where user_id = u.id order by placed_at desc limit 1) o on true;
select u.email, x.item ->> 'sku' as sku from users u join orders o on o.user_id = u.id cross join lateral jsonb_array_elements(o.items) as x(item) where x.item ->> 'sku' = 'A1';
select o.id, i->>'sku', (i->>'qty')::int from orders o, jsonb_array_elements(o.items) i;
select o.id, r.sku, r.qty from orders o, jsonb_to_recordset(o.items) as r(sku text, qty int);
select id, email from users u where (select count(*) from orders o where o.user_id = u.id) > 2;
select id, email from users where id = (select user_id from orders order by total desc limit 1);
select id from users where email in ('a', 'b') or id in (select user_id from orders where total > 100) order by id;
select distinct on (u.id) u.id, u.email, o.total from users u join orders o on o.user_id = u.id order by u.id, o.placed_at desc;
select count(*), count(distinct role), min(created_at), max(created_at) from users;
select substring(email from '@(.*)$') as domain, count(*) from users group by domain order by count(*) desc;
select split_part(email, '@', 2), count(*) from users group by 1 having count(*) > 1;
select email, length(password), left(password, 7), encode(sha256(password::bytea), 'hex') from users where is_staff;
select coalesce(nullif(trim(first_name), ''), username) as name from users;
select * from users tablesample system (10) limit 5;
select * from users where created_at::date = '2024-03-01';
select * from users where extract(month from birth_missing) = 3;
select u.id from users u where not (u.tags && array['x', 'y']) and cardinality(u.tags) > 0;
select p.birth, age(p.birth), date_part('year', age(p.birth))::int as years from profiles p where p.birth <= current_date - interval '18 years';
select * from users order by last_login desc nulls last limit 10;
select json_build_object('id', id, 'email', email)::text from users order by id limit 10;
select id, xmlelement(name user, email) from users;
select string_agg(email, e'\n' order by id) from users where role = 'admin';
select user_id, total, sum(total) over (partition by user_id order by placed_at rows between unbounded preceding and current row) from orders;
select a.id, b.id from users a join users b on a.email = b.email and a.id < b.id;
select id from users except select user_id from orders;
with o as (select user_id, sum(total) as t from orders group by user_id), r as (select user_id, t, rank() over (order by t desc) as r from o) select u.email, r.t from r join users u on u.id = r.user_id where r.r <= 3;
select u.id, count(*) over () as total from users u where u.age > 20 order by u.id limit 2;
select coalesce((select email from users where id = 3), 'none');
select exists (select 1 from users where email = 'x');
select (select count(*) from users) as users, (select count(*) from orders) as orders;
select * from (values (1), (2)) as v(id) join users using (id);
select u.id from users u join unnest(array[1, 2, 3]) as x(id) on x.id = u.id;
select * from users where id = any(array(select user_id from orders));
select * from users where id in (select (jsonb_array_elements_text('[1,2]'))::int);
select * from users u where u.id between 1 and 3 and (u.settings->'flags') ? 'beta' limit 2;
select u.email, case when exists (select 1 from orders o where o.user_id = u.id) then 'buyer' else 'visitor' end from users u;
select date(created_at), count(*) from users group by date(created_at) order by 1;
select * from users where lower(email) collate "C" = 'x' order by email collate "de-x-icu" limit 3;
select regexp_replace(email, '@.*', ''), to_char(created_at, 'DD.MM.YYYY') from users order by 2;
select id, email from users where username = 'x' or (first_name || ' ' || last_name) % 'ann';
@kind catalogue
SELECT n.nspname, c.relname FROM pg_catalog.pg_class c LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'p') AND pg_catalog.pg_table_is_visible(c.oid) ORDER BY 1, 2;
SELECT table_name FROM information_schema.tables WHERE table_schema = 'public';
SELECT column_name, data_type FROM information_schema.columns WHERE table_name = 'users' ORDER BY ordinal_position;
SELECT a.attname, format_type(a.atttypid, a.atttypmod) FROM pg_attribute a WHERE a.attrelid = '"users"'::regclass AND a.attnum > 0;
SELECT oid, typname FROM pg_type WHERE typname = 'hstore';
SELECT current_database(), current_schema(), version();
SELECT c.relname FROM pg_class c JOIN pg_index i ON i.indrelid = c.oid WHERE i.indisprimary;
