#!/bin/sh
# Makes a Triton server that runs on a CPU without a container, and prints the folder that holds it.
#
# The wheel nvidia-pytriton holds a real tritonserver with the Python backend only; deploy/triton/onnxruntime is an
# `onnxruntime` backend on top of that. The server in the wheel is an old release with known holes: loopback and tests
# only. Needs Python 3.11 with venv and pip, and a package index. Nothing is changed outside the cache folder.
set -eu

VERSION=0.7.0
ROOT=$(cd "$(dirname "$0")/.." && pwd)
CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/shortlist
HOME_DIR=$CACHE/triton-$VERSION
PYTHON=${PYTHON:-python3.11}

if [ ! -e "$HOME_DIR/complete" ]; then
  mkdir -p "$CACHE"
  # Two that install at the same time: the second waits, and finds it done.
  exec 9>"$CACHE/triton-$VERSION.lock"
  flock 9
fi
if [ ! -e "$HOME_DIR/complete" ]; then
  rm -rf "$HOME_DIR"
  echo "Installing Triton into $HOME_DIR" >&2
  "$PYTHON" -m venv "$HOME_DIR/venv" >&2
  # --no-deps: its own dependencies would bring CUDA libraries. NumPy 1: its bindings return empty tensors with NumPy 2.
  "$HOME_DIR/venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps \
    nvidia-pytriton==$VERSION numpy==1.26.4 onnxruntime==1.23.2 protobuf==6.33.6 flatbuffers packaging >&2
  SITE=$("$HOME_DIR/venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
  mkdir -p "$HOME_DIR/backends"
  cp -R "$SITE/pytriton/tritonserver/backends/python" "$HOME_DIR/backends/python"
  cp "$SITE/pytriton/tritonserver/python_backend_stubs/3.11/triton_python_backend_stub" "$HOME_DIR/backends/python/"
  ln -s "$SITE/pytriton/tritonserver/bin/tritonserver" "$HOME_DIR/tritonserver"
  ln -s "$SITE/nvidia_pytriton.libs" "$HOME_DIR/lib"
  touch "$HOME_DIR/complete"
fi
# The backend is the checkout's: it may be newer than the installation.
mkdir -p "$HOME_DIR/backends/onnxruntime"
cp "$ROOT/deploy/triton/onnxruntime/model.py" "$HOME_DIR/backends/onnxruntime/model.py.new"
mv -f "$HOME_DIR/backends/onnxruntime/model.py.new" "$HOME_DIR/backends/onnxruntime/model.py"
echo "$HOME_DIR"
