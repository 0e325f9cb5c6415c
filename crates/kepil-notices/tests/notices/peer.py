"""A mail server for the tests, made of aiosmtpd.

It prints its port, then serves until its standard input closes. What it takes lies in a folder, one
JSON file per message. The name before the @ of the recipient says how it behaves: `busy…` is told to
come later, `nobody…` never, `slam…` loses the connection after the message was taken, `later…` is
told to come later the first time.

A word behind the folder changes the door: `password` asks for a user and a password, `tls` and
`starttls` speak TLS with the certificate and the key whose files follow.
"""

import asyncio
import email
import email.policy
import json
import os
import ssl
import sys

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult


class Peer:
    def __init__(self, folder):
        self.folder = folder
        self.count = 0
        self.seen = set()

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("busy"):
            return f"450 4.2.0 <{address}> is busy"
        if address.startswith("nobody"):
            return f"550 5.1.1 <{address}> is nobody here"
        if address.startswith("later") and address not in self.seen:
            self.seen.add(address)
            return "451 4.7.1 come back later"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        self.count += 1
        data = envelope.original_content.decode("utf-8")
        read = email.message_from_string(data, policy=email.policy.default)
        assert not read.defects and read["date"].datetime.year == 2026, data
        name = os.path.join(self.folder, f"{self.count:04}.json")
        message = {
            "to": envelope.rcpt_tos,
            "from": envelope.mail_from,
            "data": data,
            "subject": read["subject"],
            "name": read["from"].addresses[0].display_name,
            "text": read.get_content(),
        }
        with open(name + ".new", "w", encoding="utf-8") as file:
            json.dump(message, file)
        os.rename(name + ".new", name)
        if envelope.rcpt_tos[0].startswith("slam"):
            server.transport.abort()
        return f"250 2.0.0 taken as {self.count:04}"


def wants(server, session, envelope, mechanism, auth_data):
    is_known = (auth_data.login, auth_data.password) == (b"kepil", b"correct")
    return AuthResult(success=is_known, handled=False)


class Local(Controller):
    def factory(self):
        door = sys.argv[2] if len(sys.argv) > 2 else ""
        more = {}
        if door == "password":
            more = {"auth_required": True, "auth_require_tls": False, "authenticator": wants}
        if door == "starttls":
            more = {"require_starttls": True, "tls_context": context()}
        return SMTP(self.handler, hostname="peer.test", **more)


def context():
    made = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    made.load_cert_chain(sys.argv[3], sys.argv[4])
    return made


def main():
    async def serve():
        loop = asyncio.get_running_loop()
        controller = Local(Peer(sys.argv[1]), hostname="127.0.0.1", port=0)
        is_tls = len(sys.argv) > 2 and sys.argv[2] == "tls"
        server = await loop.create_server(
            controller.factory, host="127.0.0.1", port=0, ssl=context() if is_tls else None
        )
        print(server.sockets[0].getsockname()[1], flush=True)
        await loop.run_in_executor(None, sys.stdin.read)

    asyncio.run(serve())


main()
