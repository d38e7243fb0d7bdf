--- write
-- own-before-commit |
BEGIN
;;
UPDATE {P} SET {P.ftext} = 'Nowhere' WHERE {P.key} = {=P.key}
;;
SELECT {P.text} FROM {P} WHERE {P.ftext} = 'Nowhere'
;;
COMMIT
-- own-then-rollback |
BEGIN
;;
UPDATE {P} SET {P.ftext} = 'Elsewhere' WHERE {P.key} = {=P.key}
;;
SELECT {P.text} FROM {P} WHERE {P.ftext} = 'Elsewhere'
;;
ROLLBACK
;;
SELECT {P.text} FROM {P} WHERE {P.ftext} = 'Elsewhere'
-- others-not-seen |
@clerk
BEGIN
;;
@clerk
UPDATE {P} SET {P.ftext} = 'Hidden' WHERE {P.key} = {=P.key}
;;
SELECT {P.text} FROM {P} WHERE {P.ftext} = 'Hidden'
;;
@clerk
COMMIT
;;
SELECT {P.text} FROM {P} WHERE {P.ftext} = 'Hidden'
-- others-roll-back |
@clerk
START TRANSACTION
;;
@clerk
UPDATE {P} SET {P.text} = {new:P.text}, {P.fint} = 55 WHERE {P.key} = {=P.key}
;;
@clerk
ROLLBACK
;;
SELECT {P.text} FROM {P} WHERE {P.key} = {=P.key}
;;
SELECT {P.text} FROM {P} WHERE {P.fint} = 55
-- clerk-cut-off |
@clerk
BEGIN
;;
@clerk
UPDATE {P} SET {P.ftext} = 'Lost' WHERE {P.key} = {=P.key}
;;
@clerk
@drop
;;
SELECT {P.text} FROM {P} WHERE {P.ftext} = 'Lost'
;;
SELECT {P.text}, {P.ftext} FROM {P} WHERE {P.key} = {=P.key}
-- savepoint |
BEGIN
;;
UPDATE {P} SET {P.fint} = 61 WHERE {P.key} = {=P.key}
;;
SAVEPOINT a
;;
UPDATE {P} SET {P.fint} = 62 WHERE {P.key} = {=P.key@b}
;;
ROLLBACK TO SAVEPOINT a
;;
SELECT {P.text} FROM {P} WHERE {P.fint} IN (61, 62)
;;
COMMIT
;;
SELECT {P.text} FROM {P} WHERE {P.fint} IN (61, 62)
-- savepoint-released |
BEGIN
;;
SAVEPOINT a
;;
UPDATE {P} SET {P.fint} = 63 WHERE {P.key} = {=P.key}
;;
RELEASE SAVEPOINT a
;;
ROLLBACK
;;
SELECT {P.text} FROM {P} WHERE {P.fint} = 63
-- repeatable-read | pg
BEGIN ISOLATION LEVEL REPEATABLE READ
;;
SELECT {P.text} FROM {P} WHERE {P.key} = {=P.key}
;;
@clerk
UPDATE {P} SET {P.ftext} = 'Later', {P.text} = {new:P.text} WHERE {P.key} = {=P.key}
;;
SELECT {P.text} FROM {P} WHERE {P.ftext} = 'Later'
;;
SELECT {P.text} FROM {P} WHERE {P.key} = {=P.key}
;;
COMMIT
;;
SELECT {P.text} FROM {P} WHERE {P.ftext} = 'Later'
-- repeatable-read-mysql | mysql
START TRANSACTION
;;
SELECT {P.text} FROM {P} WHERE {P.key} = {=P.key}
;;
@clerk
UPDATE {P} SET {P.ftext} = 'Later', {P.text} = {new:P.text} WHERE {P.key} = {=P.key}
;;
SELECT {P.text} FROM {P} WHERE {P.ftext} = 'Later'
;;
SELECT {P.text} FROM {P} WHERE {P.key} = {=P.key} {?FOR UPDATE|}
;;
COMMIT
;;
SELECT {P.text} FROM {P} WHERE {P.ftext} = 'Later'
-- consistent-snapshot | mysql
START TRANSACTION WITH CONSISTENT SNAPSHOT
;;
@clerk
INSERT INTO {P} {insert:P}
;;
SELECT {P.text} FROM {P} WHERE {P.key} = {=P.key}
;;
COMMIT
;;
SELECT {P.text} FROM {P} WHERE {P.key} = {=P.key}
-- autocommit-off | mysql simple fresh
SET autocommit = 0
;;
UPDATE {P} SET {P.fint} = 64 WHERE {P.key} = {=P.key}
;;
SELECT {P.text} FROM {P} WHERE {P.fint} = 64
;;
{?ROLLBACK|COMMIT}
;;
SELECT {P.text} FROM {P} WHERE {P.fint} = 64
-- read-committed-mysql | mysql simple fresh
SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED
;;
BEGIN
;;
SELECT {P.text} FROM {P} WHERE {P.key} = {=P.key}
;;
@clerk
UPDATE {P} SET {P.text} = {new:P.text} WHERE {P.key} = {=P.key}
;;
SELECT {P.text} FROM {P} WHERE {P.key} = {=P.key}
;;
COMMIT
-- serializable-session | pg simple fresh
SET default_transaction_isolation = 'serializable'
;;
BEGIN
;;
SELECT count(*) FROM {P}
;;
@clerk
UPDATE {P} SET {P.ftext} = 'After' WHERE {P.key} = {=P.key}
;;
SELECT {P.text} FROM {P} WHERE {P.ftext} = 'After'
;;
COMMIT
-- implicit-transaction | pg simple
UPDATE {P} SET {P.fint} = 71 WHERE {P.key} = {=P.key}; SELECT {P.text} FROM {P} WHERE {P.fint} = 71; SELECT 1/0
;;
SELECT {P.text} FROM {P} WHERE {P.fint} = 71
-- failed-in-transaction | pg
BEGIN
;;
UPDATE {P} SET {P.fint} = 72 WHERE {P.key} = {=P.key}
;;
SELECT 1/0
;;
COMMIT
;;
SELECT {P.text} FROM {P} WHERE {P.fint} = 72
-- prepared-transaction-chain | pg
BEGIN
;;
INSERT INTO {C} {insert:C}
;;
COMMIT AND CHAIN
;;
SELECT {C.text} FROM {C} WHERE {C.fk} = {=C.fk}
;;
ROLLBACK
-- delete-uncommitted |
BEGIN
;;
DELETE FROM {C} WHERE {C.fk} = {=C.fk}
;;
@app2
SELECT {C.text} FROM {C} WHERE {C.fk} = {=C.fk}
;;
SELECT {C.text} FROM {C} WHERE {C.fk} = {=C.fk}
;;
{?COMMIT|ROLLBACK}
;;
@app2
SELECT {C.text} FROM {C} WHERE {C.fk} = {=C.fk}
-- ddl-ends-transaction | mysql simple
BEGIN
;;
UPDATE {P} SET {P.fint} = 73 WHERE {P.key} = {=P.key}
;;
CREATE TABLE {id} (a int)
;;
ROLLBACK
;;
SELECT {P.text} FROM {P} WHERE {P.fint} = 73
-- insert-rolled-back |
BEGIN
;;
INSERT INTO {P} {insert:P}
;;
ROLLBACK
;;
SELECT {P.text} FROM {P} ORDER BY {P.key} DESC LIMIT 2
-- read-only |
START TRANSACTION READ ONLY
;;
SELECT {P.text} FROM {P} WHERE {P.fenum} = {=P.fenum}
;;
COMMIT
