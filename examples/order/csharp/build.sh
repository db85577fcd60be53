#!/bin/sh
# Leaves function.zip in the folder given, or in build/. Needs Mono (Debian: mono-mcs, mono-runtime), of which the
# package gets what it uses, so that workers need none.
set -eu
out=$(mkdir -p "${1:-build}" && cd "${1:-build}" && pwd)
cd "$(dirname "$0")"
package="$out/package"
mkdir -p "$package/bin" "$package/etc/mono" "$package/lib/mono/4.5"
mcs -debug- -optimize+ -langversion:7 -out:"$package/till.exe" ./*.cs
cp bootstrap "$package/"
cp "$(command -v mono-sgen)" "$package/bin/mono"
cp -L /usr/lib/mono/4.5/mscorlib.dll "$package/lib/mono/4.5/"
for assembly in System System.Core System.Configuration System.Xml Mono.Security; do
  cp -L "/usr/lib/mono/4.5/$assembly.dll" "$package/"
done
cp -L /usr/lib/libmono-native.so "$package/lib/"
cp /etc/mono/config "$package/etc/mono/"
(cd "$package" && python3 -m zipfile -c "$out/function.zip" *)
