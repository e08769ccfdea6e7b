# The hub alone: neither the two programs nor OpenSSL are in the image.
FROM rust:1.95-slim-trixie AS build
WORKDIR /src
COPY . .
RUN cargo build --release --locked -p caps-server

# As root, because a disk that a host mounts at /data is often root's.
FROM gcr.io/distroless/cc-debian13
COPY --from=build /src/target/release/caps-server /usr/local/bin/caps-server
# On its loopback nobody outside of the container would reach it.
ENV CAPS_HOST=0.0.0.0 CAPS_DATA_DIR=/data
VOLUME /data
EXPOSE 3001
ENTRYPOINT ["/usr/local/bin/caps-server"]
