#!/bin/sh
# Leaves function.zip in the folder given, or in build/. Needs a JDK of release 17 or later.
set -eu
out=$(mkdir -p "${1:-build}" && cd "${1:-build}" && pwd)
cd "$(dirname "$0")"
# With Maven or Gradle the handler interfaces come from com.amazonaws:aws-lambda-java-core; they are the same here.
javac --release 17 -implicit:none -sourcepath ../../../libs/runtimes/src/java -d "$out/classes" src/shop/*.java
jar --create --no-manifest --file "$out/function.zip" -C "$out/classes" .
