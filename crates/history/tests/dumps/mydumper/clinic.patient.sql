/*!40101 SET NAMES binary*/;
/*!40014 SET FOREIGN_KEY_CHECKS=0*/;
/*!40103 SET TIME_ZONE='+00:00' */;
INSERT INTO `patient` (`id`,`name`,`photo`,`seen`,`born`,`kind`) VALUES
(1,"Ada","\0ÿA","2026-11-23 00:00:00","1970-01-02","known"),
(2,"O\'Neil;\n\\ \"å±±\"","abc",NULL,NULL,"new");
