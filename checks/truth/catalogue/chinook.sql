--- fixed=chinook
-- outside-usa |
SELECT customer_id, first_name, last_name, country FROM customer WHERE country <> 'USA'
-- brazil |
SELECT * FROM customer WHERE country = 'Brazil'
-- invoices-of-brazil |
SELECT customer.first_name, customer.last_name, invoice.invoice_id, invoice.invoice_date, invoice.billing_country FROM invoice LEFT JOIN customer ON invoice.customer_id = customer.customer_id WHERE invoice.billing_country = 'Brazil'
-- sales-agents |
SELECT * FROM employee WHERE title = 'Sales Support Agent'
-- sales-agents-like |
SELECT first_name, last_name, email FROM employee WHERE title LIKE 'Sales%'
-- distinct-countries |
SELECT DISTINCT billing_country FROM invoice ORDER BY billing_country
-- agents-invoices |
SELECT e.first_name, e.last_name, i.invoice_id, c.customer_id FROM employee AS e JOIN customer AS c ON e.employee_id = c.support_rep_id JOIN invoice AS i ON c.customer_id = i.customer_id ORDER BY e.first_name, e.last_name
-- invoice-totals |
SELECT e.first_name AS "employee", c.first_name AS "customer", c.country, i.total FROM employee AS e JOIN customer AS c ON e.employee_id = c.support_rep_id JOIN invoice AS i ON c.customer_id = i.customer_id
-- how-many-invoices |
SELECT COUNT(*) FROM invoice WHERE invoice_date BETWEEN '1997-01-01' AND '1997-12-31'
-- total-by-year | pg
SELECT EXTRACT(YEAR FROM invoice_date) AS y, SUM(total) FROM invoice GROUP BY 1 ORDER BY 1
-- line-items |
SELECT COUNT(invoice_line_id) FROM invoice_line WHERE invoice_id = 37
-- lines-per-invoice |
SELECT invoice_id, COUNT(invoice_line_id) FROM invoice_line GROUP BY invoice_id
-- track-names |
SELECT t.name, il.invoice_line_id, il.gift_note FROM invoice_line il JOIN track t ON il.track_id = t.track_id ORDER BY il.invoice_line_id
-- track-artist |
SELECT i.invoice_line_id, t.name AS track, ar.name AS artist FROM invoice_line i LEFT JOIN track t ON i.track_id = t.track_id INNER JOIN album a ON a.album_id = t.album_id LEFT JOIN artist ar ON ar.artist_id = a.artist_id
-- invoices-per-country |
SELECT billing_country, COUNT(invoice_id) FROM invoice GROUP BY billing_country
-- top-agent |
SELECT e.first_name, e.last_name, SUM(i.total) AS total_sales FROM employee e JOIN customer c ON e.employee_id = c.support_rep_id JOIN invoice i ON i.customer_id = c.customer_id WHERE e.title = 'Sales Support Agent' GROUP BY e.employee_id, e.first_name, e.last_name ORDER BY total_sales DESC LIMIT 1
-- top-agent-max |
SELECT MAX(total_sales), employee_name FROM (SELECT CONCAT(e.first_name, ' ', e.last_name) AS employee_name, SUM(i.total) AS total_sales FROM employee e JOIN customer c ON e.employee_id = c.support_rep_id JOIN invoice i ON i.customer_id = c.customer_id GROUP BY e.employee_id, e.first_name, e.last_name) AS sales GROUP BY employee_name
-- customers-per-agent |
SELECT e.last_name, COUNT(c.customer_id) FROM employee e LEFT JOIN customer c ON c.support_rep_id = e.employee_id GROUP BY e.employee_id, e.last_name ORDER BY 2 DESC
-- country-max-spent |
SELECT billing_country, SUM(total) AS spent FROM invoice GROUP BY billing_country ORDER BY spent DESC LIMIT 1
-- rock-listeners |
SELECT DISTINCT c.email, c.first_name, c.last_name, g.name FROM customer c JOIN invoice i ON c.customer_id = i.customer_id JOIN invoice_line l ON i.invoice_id = l.invoice_id JOIN track t ON t.track_id = l.track_id JOIN genre g ON g.genre_id = t.genre_id WHERE g.name = 'Rock' ORDER BY c.email
-- best-customer |
SELECT c.customer_id, c.first_name, c.last_name, SUM(i.total) AS spent FROM customer c JOIN invoice i ON c.customer_id = i.customer_id GROUP BY c.customer_id, c.first_name, c.last_name ORDER BY spent DESC, c.customer_id LIMIT 1
-- best-customer-per-country |
WITH spending AS (SELECT c.customer_id, c.first_name, c.last_name, i.billing_country, SUM(i.total) AS total FROM invoice i JOIN customer c ON c.customer_id = i.customer_id GROUP BY c.customer_id, c.first_name, c.last_name, i.billing_country), best AS (SELECT billing_country, MAX(total) AS most FROM spending GROUP BY billing_country) SELECT s.billing_country, s.total, s.first_name, s.last_name, s.customer_id FROM spending s JOIN best b ON s.billing_country = b.billing_country WHERE s.total = b.most ORDER BY 1
-- rank-customers |
SELECT * FROM (SELECT c.country, c.last_name, SUM(i.total) AS spent, RANK() OVER (PARTITION BY c.country ORDER BY SUM(i.total) DESC) AS place FROM customer c JOIN invoice i ON i.customer_id = c.customer_id GROUP BY c.country, c.last_name) ranked WHERE place = 1
-- never-bought |
SELECT c.first_name, c.last_name FROM customer c WHERE NOT EXISTS (SELECT 1 FROM invoice i WHERE i.customer_id = c.customer_id AND i.total > 50)
-- managers |
SELECT e.last_name AS worker, m.last_name AS boss FROM employee e LEFT JOIN employee m ON e.reports_to = m.employee_id
-- reports-tree |
WITH RECURSIVE staff AS (SELECT employee_id, last_name, reports_to, 1 AS depth FROM employee WHERE reports_to IS NULL OR employee_id = 1001 UNION ALL SELECT e.employee_id, e.last_name, e.reports_to, s.depth + 1 FROM employee e JOIN staff s ON e.reports_to = s.employee_id WHERE s.depth < 4 AND e.employee_id > 1002) SELECT last_name, depth FROM staff
-- born-before | pg
SELECT last_name FROM employee WHERE birth_date < '2023-01-01'::timestamp
-- long-tracks |
SELECT name, milliseconds FROM track WHERE milliseconds > (SELECT AVG(milliseconds) FROM track) ORDER BY milliseconds DESC
-- playlists |
SELECT p.name, COUNT(*) FROM playlist p JOIN playlist_track pt ON p.playlist_id = pt.playlist_id GROUP BY p.name
-- customer-invoices-json | pg
SELECT c.last_name, json_agg(json_build_object('id', i.invoice_id, 'address', i.billing_address) ORDER BY i.invoice_id) FROM customer c JOIN invoice i USING (customer_id) GROUP BY c.customer_id
-- running-total |
SELECT invoice_id, billing_address, SUM(total) OVER (PARTITION BY customer_id ORDER BY invoice_date, invoice_id) FROM invoice
-- same-city |
SELECT c.last_name, e.last_name FROM customer c JOIN employee e ON c.city = e.city
-- mails | 
SELECT email FROM customer UNION ALL SELECT email FROM employee
-- invoices-over-average |
SELECT invoice_id, billing_address FROM invoice WHERE total > (SELECT AVG(total) FROM invoice)
