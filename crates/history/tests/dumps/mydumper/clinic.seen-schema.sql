/*!40101 SET NAMES binary*/;
CREATE TABLE `seen`(
`id` int,
`name` int
)ENGINE=MyISAM;
