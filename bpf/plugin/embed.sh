#!/bin/sh
# Compile one probe and write its object as a base64 Swift string.
# usage: embed.sh CLANG OBJCOPY ROOT SOURCE OUTPUT.swift NAME -IFOLDER...
set -eu
clang=$1 objcopy=$2 root=$3 source=$4 output=$5 name=$6
shift 6
object=${output%.swift}.o

# Paths of the build machine stay out of the object's line information.
"$clang" -target bpf -mcpu=v3 -O2 -g -Wall -Werror "-ffile-prefix-map=$root=." "$@" \
	-c "$source" -o "$object"
"$objcopy" --strip-debug "$object"
{
    printf 'extension ProbeImage {\n'
    printf '    static let %s = ProbeImage(name: "%s", base64: "' "$name" "$name"
    base64 -w 0 "$object"
    printf '")\n}\n'
} > "$output"
