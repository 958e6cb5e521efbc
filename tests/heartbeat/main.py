"""The outbound heartbeat against a watcher over TLS. See tests/outside/heartbeat."""

import http.server
import os
import queue
import ssl
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

KARTUD = sys.argv[1]
SECRET = "/ping/6f1f7a9e-kenari"
PATIENCE_S = 30

passed = failed = 0


def check(what, good, told=""):
    global passed, failed
    passed, failed = passed + bool(good), failed + (not good)
    if not good:
        print(f"FAILED {what}: {told}")


def openssl(*words):
    subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True)


def authority(place, name):
    """A new authority, and a certificate of it for localhost."""
    root, key = place / f"{name}.pem", place / f"{name}.key"
    own, request, own_key = place / f"{name}-own.pem", place / f"{name}.csr", place / f"{name}-own.key"
    new = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    openssl("req", "-x509", *new, "-keyout", key, "-out", root, "-days", 2, "-subj", f"/CN={name}")
    openssl("req", *new, "-keyout", own_key, "-out", request, "-subj", "/CN=localhost")
    names = place / "names"
    names.write_text("subjectAltName=DNS:localhost\n")
    openssl("x509", "-req", "-in", request, "-CA", root, "-CAkey", key, "-CAcreateserial", "-out", own,
            "-days", 2, "-extfile", names)
    return root, own, own_key


def watcher(certificate, key):
    """Its port, and what it hears."""
    heard = queue.Queue()

    class Watcher(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            line = self.rfile.read(int(self.headers["Content-Length"])).decode()
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()
            heard.put((self.path, line))

        def log_message(self, *_):
            pass

    class Server(http.server.ThreadingHTTPServer):
        # A client that does not trust the certificate hangs up, which is what is looked for.
        def handle_error(self, *_):
            pass

    server = Server(("localhost", 0), Watcher)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, key)
    server.socket = tls.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address[1], heard


def station(place, port, trusted):
    place.mkdir()
    (place / "kartud.toml").write_text(
        f'[station]\nledger = "ledger.db"\n[http]\nlisten = "127.0.0.1:0"\n'
        f'[heartbeat]\nurl = "https://localhost:{port}{SECRET}"\ninterval_seconds = 10\n'
    )
    return subprocess.Popen(
        [KARTUD, "run", "--new-ledger", "--config", place / "kartud.toml"],
        env={**os.environ, "SSL_CERT_FILE": str(trusted), "RUST_LOG": "trace"},
        stderr=subprocess.PIPE, text=True,
    )


def until(lines, says):
    """Reads the log up to what says this."""
    read = []
    for line in lines:
        read.append(line)
        if says in line:
            break
    return "".join(read)


with tempfile.TemporaryDirectory() as place:
    place = Path(place)
    root, own, key = authority(place, "ours")
    stranger, _, _ = authority(place, "stranger")
    port, heard = watcher(own, key)

    trusts = station(place / "trusts", port, root)
    try:
        first, second = heard.get(timeout=PATIENCE_S), heard.get(timeout=PATIENCE_S)
        check("the start is heard", first[0] == f"{SECRET}/start", first)
        check("then the station lives", second[0] == SECRET, second)
        third = heard.get(timeout=PATIENCE_S)
        head = third[1].rpartition("\nledger ")[2]
        told = subprocess.run(
            [KARTUD, "ledger", "verify", place / "trusts" / "ledger.db", "--head", head], capture_output=True, text=True
        )
        check("the ledger's head is in it, and is known to the ledger", told.returncode == 0, (third, told))
        other = head[:-1] + ("0" if head[-1] != "0" else "1")
        told = subprocess.run(
            [KARTUD, "ledger", "verify", place / "trusts" / "ledger.db", "--head", other], capture_output=True, text=True
        )
        check("another head is not", "V_HEAD" in told.stdout + told.stderr, told)
    finally:
        trusts.terminate()
        log = trusts.communicate(timeout=PATIENCE_S)[1]
    check("it stops in order", trusts.returncode == 0, trusts.returncode)
    check("no level of the log shows the address", SECRET not in log, log)

    for what, trusted, says in [
        ("an authority that nobody trusts", stranger, "the host cannot be trusted"),
        ("no authorities at all", place / "nowhere", "certificates cannot be read"),
    ]:
        doubts = station(place / trusted.stem, port, trusted)
        try:
            log = until(doubts.stderr, "does not reach its watcher")
        finally:
            doubts.kill()
            doubts.wait()
        check(f"{what} is said", says in log, log)
        check(f"{what}: nothing is sent", heard.empty())
        check(f"{what}: the address is not said", SECRET not in log, log)

print(f"{passed} passed, {failed} failed")
sys.exit(bool(failed))
