/*!40101 SET NAMES binary*/;
/*!40014 SET FOREIGN_KEY_CHECKS=0*/;

/*!40103 SET TIME_ZONE='+00:00' */;
CREATE TABLE `patient` (
  `id` int(10) unsigned NOT NULL AUTO_INCREMENT,
  `name` varchar(40) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin DEFAULT NULL,
  `photo` varbinary(20) DEFAULT NULL,
  `seen` timestamp NULL DEFAULT NULL,
  `born` date DEFAULT NULL,
  `kind` enum('new','known') NOT NULL DEFAULT 'new',
  `initial` varchar(1) GENERATED ALWAYS AS (left(`name`,1)) STORED,
  PRIMARY KEY (`id`),
  KEY `name` (`name`)
) ENGINE=InnoDB AUTO_INCREMENT=3 DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
