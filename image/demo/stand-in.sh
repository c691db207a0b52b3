#!/bin/sh
# Runs in the stand-in's container: a certificate authority made on the spot, and the stand-in
# for the OpenAI API behind a certificate of it. The authority's key never leaves this container,
# which ends with the demo; ca.pem is what Codex is told to trust.
set -eu
command=$1
cd /tmp

printf '[req]\ndistinguished_name = none\n[none]\n' >openssl.cnf
certificate() {
  openssl req -x509 -config openssl.cnf -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes \
    -days 2 "$@" 2>openssl.log || { cat openssl.log >&2; exit 1; }
}
certificate -subj '/CN=codex-sandbox demo' -keyout ca.key -out ca.pem \
  -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign
certificate -subj '/CN=api.openai.com' -keyout server.key -out server.pem -CA ca.pem -CAkey ca.key \
  -addext basicConstraints=critical,CA:FALSE -addext extendedKeyUsage=serverAuth \
  -addext subjectAltName=DNS:api.openai.com,DNS:chatgpt.com
rm ca.key

exec python3 /demo/openai.py --listen 0.0.0.0 --cert server.pem --key server.key \
  --log requests --command "$command"
