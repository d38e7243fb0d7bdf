--
-- Name: assignment_assign_id_seq; Type: SEQUENCE SET; Schema: crew; Owner: -
--

SELECT pg_catalog.setval('crew.assignment_assign_id_seq', @ASSIGNMENTS@, true);


--
-- Name: certificate_cert_id_seq; Type: SEQUENCE SET; Schema: crew; Owner: -
--

SELECT pg_catalog.setval('crew.certificate_cert_id_seq', @CERTIFICATES@, true);


--
-- Name: next_of_kin_kin_id_seq; Type: SEQUENCE SET; Schema: crew; Owner: -
--

SELECT pg_catalog.setval('crew.next_of_kin_kin_id_seq', @KIN@, true);


--
-- Name: assignment assignment_pkey; Type: CONSTRAINT; Schema: crew; Owner: -
--

ALTER TABLE ONLY crew.assignment
    ADD CONSTRAINT assignment_pkey PRIMARY KEY (assign_id);


--
-- Name: certificate certificate_pkey; Type: CONSTRAINT; Schema: crew; Owner: -
--

ALTER TABLE ONLY crew.certificate
    ADD CONSTRAINT certificate_pkey PRIMARY KEY (cert_id);


--
-- Name: employee employee_pkey; Type: CONSTRAINT; Schema: crew; Owner: -
--

ALTER TABLE ONLY crew.employee
    ADD CONSTRAINT employee_pkey PRIMARY KEY (emp_id);


--
-- Name: next_of_kin next_of_kin_pkey; Type: CONSTRAINT; Schema: crew; Owner: -
--

ALTER TABLE ONLY crew.next_of_kin
    ADD CONSTRAINT next_of_kin_pkey PRIMARY KEY (kin_id);


--
-- Name: pay pay_pkey; Type: CONSTRAINT; Schema: crew; Owner: -
--

ALTER TABLE ONLY crew.pay
    ADD CONSTRAINT pay_pkey PRIMARY KEY (emp_id);


--
-- Name: assignment_emp_id_idx; Type: INDEX; Schema: crew; Owner: -
--

CREATE INDEX assignment_emp_id_idx ON crew.assignment USING btree (emp_id);


--
-- Name: certificate_emp_id_idx; Type: INDEX; Schema: crew; Owner: -
--

CREATE INDEX certificate_emp_id_idx ON crew.certificate USING btree (emp_id);


--
-- Name: next_of_kin_emp_id_idx; Type: INDEX; Schema: crew; Owner: -
--

CREATE INDEX next_of_kin_emp_id_idx ON crew.next_of_kin USING btree (emp_id);


--
-- Name: assignment assignment_emp_id_fkey; Type: FK CONSTRAINT; Schema: crew; Owner: -
--

ALTER TABLE ONLY crew.assignment
    ADD CONSTRAINT assignment_emp_id_fkey FOREIGN KEY (emp_id) REFERENCES crew.employee(emp_id);


--
-- Name: certificate certificate_emp_id_fkey; Type: FK CONSTRAINT; Schema: crew; Owner: -
--

ALTER TABLE ONLY crew.certificate
    ADD CONSTRAINT certificate_emp_id_fkey FOREIGN KEY (emp_id) REFERENCES crew.employee(emp_id);


--
-- Name: next_of_kin next_of_kin_emp_id_fkey; Type: FK CONSTRAINT; Schema: crew; Owner: -
--

ALTER TABLE ONLY crew.next_of_kin
    ADD CONSTRAINT next_of_kin_emp_id_fkey FOREIGN KEY (emp_id) REFERENCES crew.employee(emp_id);


--
-- Name: pay pay_emp_id_fkey; Type: FK CONSTRAINT; Schema: crew; Owner: -
--

ALTER TABLE ONLY crew.pay
    ADD CONSTRAINT pay_emp_id_fkey FOREIGN KEY (emp_id) REFERENCES crew.employee(emp_id);


--
-- Name: SCHEMA crew; Type: ACL; Schema: -; Owner: -
--

GRANT USAGE ON SCHEMA crew TO crew_app;
GRANT USAGE ON SCHEMA crew TO crew_report;
GRANT USAGE ON SCHEMA crew TO crew_payroll;
GRANT USAGE ON SCHEMA crew TO crew_backup;
GRANT USAGE ON SCHEMA crew TO dba_szeto;


--
-- Name: TABLE assignment; Type: ACL; Schema: crew; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE crew.assignment TO crew_app;
GRANT SELECT ON TABLE crew.assignment TO crew_report;
GRANT SELECT ON TABLE crew.assignment TO crew_payroll;
GRANT SELECT ON TABLE crew.assignment TO crew_backup;
GRANT SELECT ON TABLE crew.assignment TO dba_szeto;


--
-- Name: TABLE certificate; Type: ACL; Schema: crew; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE crew.certificate TO crew_app;
GRANT SELECT ON TABLE crew.certificate TO crew_report;
GRANT SELECT ON TABLE crew.certificate TO crew_payroll;
GRANT SELECT ON TABLE crew.certificate TO crew_backup;
GRANT SELECT ON TABLE crew.certificate TO dba_szeto;


--
-- Name: TABLE directory; Type: ACL; Schema: crew; Owner: -
--

GRANT SELECT ON TABLE crew.directory TO crew_app;
GRANT SELECT ON TABLE crew.directory TO crew_report;
GRANT SELECT ON TABLE crew.directory TO crew_payroll;
GRANT SELECT ON TABLE crew.directory TO crew_backup;
GRANT SELECT ON TABLE crew.directory TO dba_szeto;


--
-- Name: TABLE employee; Type: ACL; Schema: crew; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE crew.employee TO crew_app;
GRANT SELECT ON TABLE crew.employee TO crew_report;
GRANT SELECT ON TABLE crew.employee TO crew_payroll;
GRANT SELECT ON TABLE crew.employee TO crew_backup;
GRANT SELECT ON TABLE crew.employee TO dba_szeto;


--
-- Name: TABLE next_of_kin; Type: ACL; Schema: crew; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE crew.next_of_kin TO crew_app;
GRANT SELECT ON TABLE crew.next_of_kin TO crew_report;
GRANT SELECT ON TABLE crew.next_of_kin TO crew_payroll;
GRANT SELECT ON TABLE crew.next_of_kin TO crew_backup;
GRANT SELECT ON TABLE crew.next_of_kin TO dba_szeto;


--
-- Name: TABLE pay; Type: ACL; Schema: crew; Owner: -
--

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE crew.pay TO crew_app;
GRANT SELECT ON TABLE crew.pay TO crew_report;
GRANT SELECT ON TABLE crew.pay TO crew_payroll;
GRANT SELECT ON TABLE crew.pay TO crew_backup;
GRANT SELECT ON TABLE crew.pay TO dba_szeto;


--
-- PostgreSQL database dump complete
--

\unrestrict @FENCE@

