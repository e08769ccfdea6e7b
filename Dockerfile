# syntax=docker/dockerfile:1
# The hub alone: neither the two programs nor OpenSSL are in the image.

# One image for all stages that compile, so that what the dependencies are compiled to fits the hub.
FROM rust:1.95-slim-trixie AS rust
RUN cargo install cargo-chef --version 0.1.78 --locked
WORKDIR /src

# What the dependencies are, and nothing that changes with an edit of the hub.
FROM rust AS recipe
COPY . .
RUN cargo chef prepare --recipe-path recipe.json

FROM rust AS build
COPY --from=recipe /src/recipe.json recipe.json
# A layer that is built anew only when a dependency changes.
RUN cargo chef cook --release --locked --package caps-server --recipe-path recipe.json
COPY . .
RUN cargo build --release --locked --package caps-server && mkdir /data

# No shell and no package manager. `nonroot` is 65532.
FROM gcr.io/distroless/cc-debian13:nonroot
COPY --from=build /src/target/release/caps-server /usr/local/bin/caps-server
COPY --from=build --chown=65532:65532 /data /data
# On its loopback nobody outside of the container would reach it.
ENV CAPS_HOST=0.0.0.0 CAPS_DATA_DIR=/data
VOLUME /data
EXPOSE 3001
HEALTHCHECK CMD ["/usr/local/bin/caps-server", "healthcheck"]
ENTRYPOINT ["/usr/local/bin/caps-server"]
