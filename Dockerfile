# The hub alone: neither the two programs nor OpenSSL are in the image.
FROM rust:1.95-slim-trixie AS build
WORKDIR /src
COPY . .
RUN cargo build --release --locked -p caps-server

FROM gcr.io/distroless/cc-debian13:nonroot
COPY --from=build /src/target/release/caps-server /usr/local/bin/caps-server
# On its loopback nobody outside of the container would reach it.
ENV CAPS_HOST=0.0.0.0
EXPOSE 3001
ENTRYPOINT ["/usr/local/bin/caps-server"]
