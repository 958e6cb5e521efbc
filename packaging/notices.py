"""Prints the licence and the notices of every library that is linked into kartud, as their licences ask for it."""

import json
import pathlib
import subprocess

tree = subprocess.run(
    ["cargo", "tree", "--locked", "-p", "kartud", "--features", "kartud/pcsc", "-e", "normal", "--prefix", "none",
     "--no-dedupe", "--format", "{p}"],
    check=True, capture_output=True, text=True).stdout
linked = {tuple(line.split()[:2]) for line in tree.splitlines() if line.strip()}
metadata = json.loads(subprocess.run(
    ["cargo", "metadata", "--locked", "--format-version", "1"], check=True, capture_output=True, text=True).stdout)

for package in sorted(metadata["packages"], key=lambda one: (one["name"], one["version"])):
    if package["source"] is None or (package["name"], "v" + package["version"]) not in linked:
        continue
    print("=" * 78)
    print(package["name"], package["version"], "-", package["license"] or "see below")
    if package["authors"]:
        print("Authors:", ", ".join(package["authors"]))
    folder = pathlib.Path(package["manifest_path"]).parent
    for file in sorted(folder.iterdir()):
        if file.is_file() and file.name.upper().startswith(("LICENSE", "LICENCE", "COPYING", "NOTICE", "COPYRIGHT")):
            # The text of the Apache licence is on every Debian system.
            if "APACHE" in file.name.upper() and package["license"] and "Apache-2.0" in package["license"]:
                continue
            print(f"---- {file.name}")
            print(file.read_text(encoding="utf-8", errors="replace").strip())
    print()
