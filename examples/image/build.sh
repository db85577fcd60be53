#!/bin/sh
# Builds the image `weft-example-order` out of the Go function of examples/order: needs Go and a Docker engine, no registry.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
out=${1:-"$here/build"}
"$here/../order/go/build.sh" "$out"
cp "$here/Dockerfile" "$out/"
docker build --quiet --tag weft-example-order "$out"
