# The same images as `cargo xtask images` makes, for machines that are not Debian or have no Rust:
#
#   docker build --target node --tag sutra-node:dev .
#   docker build --target operator --tag sutra-operator:dev .
#
# Both images hold the programs, the C library they were linked with and two users; no shell and no package manager.

# The version of rust-toolchain.toml. The Debian release decides which C library goes into the images.
FROM rust:1.95.0-bookworm AS source
WORKDIR /src
COPY . .
# The toolchain that is here; rustup would fetch rust-toolchain.toml's components for development too.
ENV RUSTUP_TOOLCHAIN=1.95.0

FROM source AS build-node
RUN cargo xtask images --only node --rootfs /rootfs

FROM source AS build-operator
RUN cargo xtask images --only operator --rootfs /rootfs

FROM scratch AS operator
# Owners are copied too; the data directory of the node belongs to 65532.
COPY --from=build-operator /rootfs /
ENV PATH=/usr/bin
USER 65532:65532
WORKDIR /
EXPOSE 8080
ENTRYPOINT ["/usr/bin/sutra-operator"]
CMD ["run"]

FROM scratch AS node
COPY --from=build-node /rootfs /
ENV PATH=/usr/bin
USER 65532:65532
WORKDIR /
EXPOSE 8000 50051 7001
ENTRYPOINT ["/usr/bin/sutra-node"]
CMD ["serve", "--data-dir", "/var/lib/sutra"]
