#!/bin/sh
# Puts what an image holds of our code into a folder:  code.sh IMAGE TARGET, called at the root of the repository.
set -eu
image=$1 target=$2
mkdir -p "$target"
cp -r proto/gen/. libs/servicekit/src/. "$target"
case $image in
    checker)
        # It compares what four services have stored. Of all-in-one neither servers nor demo.
        for service in mail publisher routing ticket; do cp -r "services/$service/src/." "$target"; done
        mkdir "$target/all_in_one"
        for part in __init__.py checker.py environment.py check; do
            cp -r "services/all-in-one/src/all_in_one/$part" "$target/all_in_one"
        done
        ;;
    gateway)
        if [ ! -f web/dist/index.html ]; then
            echo "web/dist/index.html is missing. The gateway's image holds the web app: build it first, with make web." >&2
            exit 1
        fi
        cp -r services/gateway/src/. "$target"
        mkdir "$target/web"
        cp -r web/dist "$target/web"
        ;;
    *)
        cp -r "services/$image/src/." "$target"
        ;;
esac
