"""The plain loop that one would write: smtplib, one connection, one multipart message a person, no state kept.

    smtplib_loop.py HOST PORT LETTERS
"""
import smtplib
import sys
import time
from email.message import EmailMessage
from email.utils import formatdate

host, port, letters = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
began = time.monotonic()
with smtplib.SMTP(host, port) as server:
    for number in range(letters):
        message = EmailMessage()
        message["From"] = "Harbour Hospital <notice@example.org>"
        message["To"] = f"Person {number} <p{number:05}@example.net>"
        message["Subject"] = "An intruder saw data about you"
        message["Date"] = formatdate()
        message["Message-ID"] = f"<{number}.loop@example.org>"
        text = f"Dear Person {number},\n\nSomebody broke into our systems.\n.\n{'They saw your name. ' * 60}\nBye\n"
        message.set_content(text)
        message.add_alternative(f"<p>{text}</p>", subtype="html")
        server.send_message(message, from_addr=f"bounces+{number:016}@example.org", to_addrs=[f"p{number:05}@example.net"])
seconds = time.monotonic() - began
print(f"smtplib loop: {letters} letters in {seconds:.2f} s, {letters / seconds:.0f} a second")
