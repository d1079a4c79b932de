#!/bin/sh
# Sends generated requests, good and bad, to every operation of a running node's OpenAPI document, and checks that no reply is
# a 5xx and that each is as documented. It fills the node with rubbish: give it an empty one.
#
#   [SCHEMATHESIS=path] [SEED=n] [EXAMPLES=n] [MAX_SECONDS=n] node/api/tests/schemathesis.sh http://127.0.0.1:8000
#
# It installs nothing; `cargo xtask test` has schemathesis 4.32.5 ready. A failure is repeated with the seed that it prints.
set -eu

BASE_URL=${1:-${BASE_URL:?give the address of a running node, such as http://127.0.0.1:8000}}
SCHEMATHESIS=${SCHEMATHESIS:-schemathesis}
SEED=${SEED:-20260301}
EXAMPLES=${EXAMPLES:-30}
MAX_SECONDS=${MAX_SECONDS:-90}
CHECKS=not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,response_schema_conformance

command -v "$SCHEMATHESIS" >/dev/null || { echo "schemathesis is missing: pip install schemathesis==4.32.5" >&2; exit 2; }
echo "schemathesis: $BASE_URL, seed $SEED, $EXAMPLES examples an operation"

settings=$(cd "$(dirname "$0")" && pwd)/schemathesis
export SCHEMATHESIS_HOOKS=hooks PYTHONPATH="$settings" PYTHONDONTWRITEBYTECODE=1

# What it generated before is remembered in the directory that it runs in; a fresh one keeps runs alike.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
timeout "$MAX_SECONDS" "$SCHEMATHESIS" --config-file "$settings/schemathesis.toml" run "$BASE_URL/openapi.json" \
    --url "$BASE_URL" --phases examples,coverage,fuzzing --checks "$CHECKS" --max-examples "$EXAMPLES" --seed "$SEED" \
    --generation-database none --continue-on-failure --request-timeout 20 --warnings off --no-color \
    --suppress-health-check all
