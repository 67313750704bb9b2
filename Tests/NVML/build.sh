#!/bin/sh
# Builds the fake libnvidia-ml.so.1, of today and of the oldest driver branch that Stoker speaks
# to, in .build/nvml. NVIDIA's header and Python bindings come from PyPI and are not kept.
set -eu
cd "$(dirname "$0")/../.."
out=.build/nvml
header=$out/header/nvidia/cu13/include
mkdir -p "$out"
export PIP_ROOT_USER_ACTION=ignore

if [ ! -e "$header/nvml.h" ]; then
	pip install --quiet --no-deps --target "$out/header" 'nvidia-nvml-dev==13.*'
fi
if [ ! -e "$out/python/pynvml.py" ]; then
	pip install --quiet --no-deps --target "$out/python" 'nvidia-ml-py==13.*'
fi

flags="-std=gnu11 -O1 -g -Wall -Wextra -Wmissing-prototypes -Werror -I $header"
cc $flags -I Sources/CNVML/include -fsyntax-only Tests/NVML/layouts.c
for release in 9999 470; do
	library=$out/r$release/libnvidia-ml.so.1
	if [ -z "$(find "$library" -newer Tests/NVML/scenario.c -newer Tests/NVML/device.c \
		-newer Tests/NVML/counters.c -newer Tests/NVML/fake.h 2>/dev/null)" ]; then
		mkdir -p "$out/r$release"
		cc $flags -D RELEASE=$release -shared -fPIC -pthread -Wl,-soname,libnvidia-ml.so.1,-Bsymbolic \
			-o "$library" \
			Tests/NVML/scenario.c Tests/NVML/device.c Tests/NVML/counters.c
	fi
done
