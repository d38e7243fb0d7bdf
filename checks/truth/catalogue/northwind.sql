--- fixed=northwind
-- customers-by-city |
SELECT contact_name, city FROM customers ORDER BY city, contact_name
-- contact-titles |
SELECT company_name, contact_name, contact_title, phone FROM customers WHERE contact_title = 'Owner'
-- no-region |
SELECT company_name, contact_name FROM customers WHERE region IS NULL
-- orders-of |
SELECT order_id, ship_name, ship_address FROM orders WHERE customer_id = 'C0003'
-- orders-in-year |
SELECT order_id, order_date, ship_name FROM orders WHERE order_date >= '1997-01-01' AND order_date < '1998-01-01' ORDER BY order_id
-- late-orders |
SELECT o.order_id, c.company_name, e.last_name FROM orders o JOIN customers c ON c.customer_id = o.customer_id JOIN employees e ON e.employee_id = o.employee_id WHERE o.shipped_date > o.required_date
-- order-subtotals |
SELECT order_id, ROUND(SUM(unit_price * quantity * (1 - discount))) AS subtotal FROM order_details GROUP BY order_id ORDER BY order_id
-- sales-by-customer |
SELECT c.company_name, SUM(od.unit_price * od.quantity) AS total FROM customers c JOIN orders o ON o.customer_id = c.customer_id JOIN order_details od ON od.order_id = o.order_id GROUP BY c.customer_id, c.company_name ORDER BY total DESC LIMIT 5
-- customers-without-orders |
SELECT c.company_name, c.phone FROM customers c LEFT JOIN orders o ON o.customer_id = c.customer_id WHERE o.order_id IS NULL
-- employees-and-customers |
SELECT city, company_name, contact_name, 'Customers' AS relationship FROM customers UNION SELECT city, company_name, '', 'Suppliers' FROM suppliers ORDER BY city, company_name
-- expensive-products |
SELECT DISTINCT product_name, unit_price FROM products AS a WHERE 5 >= (SELECT COUNT(DISTINCT unit_price) FROM products AS b WHERE b.unit_price >= a.unit_price) ORDER BY unit_price DESC
-- above-average |
SELECT product_name, unit_price FROM products WHERE unit_price > (SELECT AVG(unit_price) FROM products) ORDER BY unit_price
-- products-by-category |
SELECT a.category_name, b.product_name, b.units_in_stock FROM categories a INNER JOIN products b ON a.category_id = b.category_id WHERE b.discontinued = 0 ORDER BY a.category_name, b.product_name
-- employee-birthdays | pg
SELECT last_name, first_name FROM employees WHERE EXTRACT(MONTH FROM birth_date) = 3
-- employee-ages | pg derived
SELECT last_name, date_part('year', age('2026-01-01', birth_date)) FROM employees
-- employees-territories |
SELECT e.last_name, COUNT(t.territory_id) FROM employees e JOIN employee_territories t ON t.employee_id = e.employee_id GROUP BY e.employee_id, e.last_name
-- bosses |
SELECT e.first_name, e.last_name, m.last_name AS boss FROM employees e JOIN employees m ON m.employee_id = e.reports_to
-- names-concat | pg
SELECT first_name || ' ' || last_name AS name, title FROM employees ORDER BY name
-- names-concat-mysql | mysql
SELECT CONCAT(first_name, ' ', last_name) AS name, title FROM employees ORDER BY name
-- freight-by-country |
SELECT ship_country, AVG(freight) AS a FROM orders GROUP BY ship_country ORDER BY a DESC LIMIT 3
-- orders-shipper |
SELECT s.company_name, o.order_id, o.ship_address FROM orders o INNER JOIN shippers s ON s.shipper_id = o.ship_via WHERE s.shipper_id = 1
-- first-order-each | pg
SELECT DISTINCT ON (customer_id) customer_id, order_id, ship_name FROM orders ORDER BY customer_id, order_date, order_id
-- last-order-lateral | pg
SELECT c.company_name, x.ship_address FROM customers c CROSS JOIN LATERAL (SELECT ship_address FROM orders o WHERE o.customer_id = c.customer_id ORDER BY order_date DESC, order_id DESC LIMIT 1) x
-- in-london |
SELECT company_name, address FROM customers WHERE city IN ('London', 'Berlin') AND country <> 'USA'
-- like-name |
SELECT contact_name, phone FROM customers WHERE contact_name LIKE '%a%'
-- many-orders |
SELECT c.contact_name, COUNT(*) AS n FROM customers c JOIN orders o ON c.customer_id = o.customer_id GROUP BY c.customer_id, c.contact_name HAVING COUNT(*) > 2 ORDER BY n DESC, c.contact_name
-- ordered-product |
SELECT contact_name FROM customers WHERE customer_id IN (SELECT o.customer_id FROM orders o JOIN order_details d ON d.order_id = o.order_id WHERE d.product_id = 3)
-- all-of |
SELECT company_name FROM customers c WHERE EXISTS (SELECT 1 FROM orders o WHERE o.customer_id = c.customer_id AND o.freight > ALL (SELECT freight FROM orders WHERE ship_country = 'UK'))
-- notes |
SELECT last_name, SUBSTRING(notes, 1, 10) FROM employees
-- page |
SELECT customer_id, company_name FROM customers ORDER BY customer_id LIMIT 10 OFFSET 10
-- case-region |
SELECT contact_name, CASE WHEN country IN ('USA', 'Canada') THEN 'America' WHEN country = 'Brazil' THEN 'South' ELSE 'Elsewhere' END AS part FROM customers ORDER BY part
-- quarterly |
SELECT c.company_name, o.order_date FROM customers c RIGHT JOIN orders o ON o.customer_id = c.customer_id WHERE o.order_date BETWEEN '1997-01-01' AND '1997-12-31'
-- invoices |
SELECT o.ship_name, o.ship_address, o.customer_id, c.company_name, c.address, c.postal_code, e.first_name, o.order_id, p.product_name, d.unit_price, d.quantity FROM customers c JOIN orders o ON c.customer_id = o.customer_id JOIN employees e ON e.employee_id = o.employee_id JOIN order_details d ON d.order_id = o.order_id JOIN products p ON p.product_id = d.product_id
