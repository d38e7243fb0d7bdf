--- fixed=sakila
-- actors |
SELECT actor_id, first_name, last_name FROM actor ORDER BY last_name
-- customer-list |
SELECT * FROM customer_list
-- customer-list-filter |
SELECT name, phone FROM customer_list WHERE notes = 'active' AND city = 'London'
-- customer-address |
SELECT c.first_name, c.last_name, a.address, a.phone FROM customer c INNER JOIN address a ON c.address_id = a.address_id
-- address-only |
SELECT address, postal_code FROM address WHERE district = 'Texas'
-- canadian-mails |
SELECT cu.first_name, cu.last_name, cu.email FROM customer cu JOIN address a ON cu.address_id = a.address_id JOIN city ci ON ci.city_id = a.city_id JOIN country co ON co.country_id = ci.country_id WHERE co.country = 'Canada'
-- total-paid |
SELECT c.first_name, c.last_name, SUM(p.amount) AS "total" FROM payment p JOIN customer c ON p.customer_id = c.customer_id GROUP BY c.customer_id, c.first_name, c.last_name ORDER BY c.last_name
-- top-customers |
SELECT c.last_name, SUM(p.amount) AS s FROM customer c JOIN payment p USING (customer_id) GROUP BY c.customer_id, c.last_name ORDER BY s DESC, c.last_name LIMIT 5
-- staff-address |
SELECT first_name, last_name, username FROM staff WHERE active
-- staff-payments |
SELECT s.first_name, s.last_name, SUM(p.amount) FROM staff s LEFT JOIN payment p ON s.staff_id = p.staff_id AND p.payment_date >= '1997-01-01' GROUP BY s.staff_id, s.first_name, s.last_name
-- not-returned |
SELECT c.first_name, c.last_name, f.title FROM rental r JOIN customer c ON r.customer_id = c.customer_id JOIN inventory i ON i.inventory_id = r.inventory_id JOIN film f ON f.film_id = i.film_id WHERE r.return_date IS NULL
-- rentals-of |
SELECT r.rental_date, r.remark FROM rental r WHERE r.customer_id = 5 ORDER BY r.rental_date
-- rented-comedies |
SELECT DISTINCT cu.email FROM customer cu JOIN rental r ON r.customer_id = cu.customer_id JOIN inventory i ON i.inventory_id = r.inventory_id JOIN film_category fc ON fc.film_id = i.film_id JOIN category c ON c.category_id = fc.category_id WHERE c.name = 'Comedy'
-- film-count |
SELECT COUNT(*) FROM inventory i JOIN film f ON f.film_id = i.film_id WHERE f.rating = 'PG'
-- actors-per-film |
SELECT f.title, COUNT(fa.actor_id) FROM film f INNER JOIN film_actor fa ON f.film_id = fa.film_id GROUP BY f.title
-- last-rental |
SELECT c.last_name, (SELECT MAX(r.rental_date) FROM rental r WHERE r.customer_id = c.customer_id) AS last FROM customer c
-- last-rental-remark |
SELECT c.last_name, (SELECT r.remark FROM rental r WHERE r.customer_id = c.customer_id ORDER BY r.rental_date DESC, r.rental_id DESC LIMIT 1) AS remark FROM customer c WHERE c.active = 1
-- cards | 
SELECT card, amount FROM payment WHERE amount > 4
-- cards-latest |
SELECT p.customer_id, p.card FROM payment p JOIN (SELECT customer_id, MAX(payment_id) AS m FROM payment GROUP BY customer_id) x ON x.m = p.payment_id
-- inactive |
SELECT first_name, last_name FROM customer WHERE active = 0
-- both-stores |
SELECT store_id, COUNT(*) FROM customer GROUP BY store_id
-- group-concat | mysql
SELECT f.title, GROUP_CONCAT(DISTINCT c.last_name ORDER BY c.last_name SEPARATOR ', ') FROM film f JOIN inventory i USING (film_id) JOIN rental r USING (inventory_id) JOIN customer c USING (customer_id) GROUP BY f.title
-- string-agg | pg
SELECT f.title, string_agg(DISTINCT c.last_name, ', ' ORDER BY c.last_name) FROM film f JOIN inventory i USING (film_id) JOIN rental r USING (inventory_id) JOIN customer c USING (customer_id) GROUP BY f.title
-- payment-month | mysql
SELECT c.last_name, MONTH(p.payment_date), SUM(p.amount) FROM payment p JOIN customer c ON c.customer_id = p.customer_id GROUP BY c.customer_id, c.last_name, MONTH(p.payment_date)
-- upper-name | 
SELECT UPPER(CONCAT(first_name, ' ', last_name)) AS "Name" FROM customer
-- exists-payment |
SELECT first_name, last_name FROM customer c WHERE EXISTS (SELECT * FROM payment p WHERE p.customer_id = c.customer_id AND amount > 5)
-- rental-cursor |
SELECT rental_id, remark FROM rental WHERE rental_id > 30 ORDER BY rental_id LIMIT 10
