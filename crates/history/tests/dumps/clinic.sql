-- What the dumps of MariaDB beside this file are of. Made up.
DROP DATABASE IF EXISTS clinic; CREATE DATABASE clinic DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci; USE clinic;
CREATE TABLE patient (
    id int unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY,
    name varchar(40) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin,
    photo varbinary(20),
    seen timestamp NULL,
    born date,
    kind enum('new','known') NOT NULL DEFAULT 'new',
    initial varchar(1) AS (left(name, 1)) STORED,
    KEY (name)
);
CREATE TABLE visit (patient int unsigned, at date, note text, PRIMARY KEY (patient, at), FOREIGN KEY (patient) REFERENCES patient (id) ON DELETE CASCADE ON UPDATE CASCADE);
CREATE TABLE nothing (id int);
CREATE TABLE audit (what text, n int);
CREATE VIEW seen AS SELECT id, name FROM patient WHERE seen IS NOT NULL;
DELIMITER ;;
CREATE TRIGGER note BEFORE UPDATE ON visit FOR EACH ROW BEGIN
  SET @x = 1;
  INSERT INTO audit VALUES ('changed', 1);
END;;
CREATE PROCEDURE tidy() BEGIN DELETE FROM audit; INSERT INTO audit VALUES ('tidied', 2); END;;
DELIMITER ;
SET time_zone = '+08:00';
INSERT INTO patient (name, photo, seen, born, kind) VALUES ('Ada', x'00FF41', '2026-11-23 08:00:00', '1970-01-02', 'known'), ('O''Neil;
\\ "山"', 'abc', NULL, NULL, 'new');
INSERT INTO visit VALUES (1, '2026-01-01', 'a\tb'), (2, '2026-01-02', NULL);
