# What every script under tests/ stands on: installing what is missing, timing, the built binary.
# Sourced, never run. Installs only what is absent, so a machine without network works once it is furnished.

set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
export CARGO_TERM_COLOR=${CARGO_TERM_COLOR:-never}
venv=$root/target/venv
tools=$root/target/tools

# as_root CMD...: directly when we are root, else through sudo.
as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo -n "$@"; fi
}

# apt_have PACKAGE...: installs those that are missing, and no recommendations.
apt_have() {
    local missing=() package
    for package in "$@"; do
        dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
    done
    [ ${#missing[@]} -eq 0 ] && return 0
    echo "installing ${missing[*]}"
    as_root apt-get update -qq
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

# pip_have NAME==VERSION...: into a virtual environment under target/, never into the system.
pip_have() {
    local missing=() wanted
    [ -x "$venv/bin/python" ] || { apt_have python3-venv; python3 -m venv "$venv"; }
    for wanted in "$@"; do
        [ "$("$venv/bin/python" -c 'import importlib.metadata as m, sys; print(m.version(sys.argv[1]))' \
            "${wanted%%==*}" 2>/dev/null)" = "${wanted##*==}" ] || missing+=("$wanted")
    done
    [ ${#missing[@]} -eq 0 ] || "$venv/bin/pip" install --quiet "${missing[@]}"
}

# furnish FILE: reads the lines "# needs-apt: ..." and "# needs-pip: ..." at a script's head and installs them.
furnish() {
    local apt pip
    apt=$(sed -n 's/^# needs-apt: //p' "$1" | tr '\n' ' ')
    pip=$(sed -n 's/^# needs-pip: //p' "$1" | tr '\n' ' ')
    # shellcheck disable=SC2086  # the lines are lists of words
    { [ -z "$apt" ] || apt_have $apt; } && { [ -z "$pip" ] || pip_have $pip; }
}

# build ARG...: the daemon and what else is named, out of what `cargo test --workspace` has built. An example among them
# brings the features that tests ask of crates; without it, half of all crates would be built a second time.
build() { cargo build --quiet --workspace --bin kartud --example usb-room "$@"; }

# skip WHY: ends a script that cannot be run on this machine; 77 says so to whoever called it, as automake has it.
skip() {
    echo "SKIPPED: $*"
    exit 77
}

# bench_binary NAME: builds a [[bench]] target and prints where its executable lies.
bench_binary() {
    cargo bench --quiet --no-run --bench "$1" --message-format=json \
        | python3 -c 'import json, sys
for line in sys.stdin:
    artifact = json.loads(line)
    if artifact.get("executable") and artifact["target"]["name"] == sys.argv[1]:
        print(artifact["executable"])' "$1"
}
