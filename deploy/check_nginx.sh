#!/usr/bin/env bash
# Has nginx read the example, with a certificate and folders of its own. Needs nginx and openssl; says so where they are not here.
set -euo pipefail
cd "$(dirname "$0")"
if ! command -v nginx >/dev/null || ! command -v openssl >/dev/null; then
  echo "SKIPPED: nginx and openssl, which read the example, are not here"
  exit 0
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=support.example.org -keyout "$work/privkey.pem" -out "$work/fullchain.pem" 2>/dev/null
sed -e "s|/etc/ssl/support.example.org|$work|" -e "s|/var/log/nginx|$work|" nginx-support.conf >"$work/support.conf"
cat >"$work/nginx.conf" <<END
pid $work/pid;
error_log $work/error.log;
events {}
http { include $work/support.conf; }
END
nginx -t -q -c "$work/nginx.conf" -p "$work" -e "$work/error.log"
echo "nginx takes the example"
